"""Facts of a certificate, and the path from it to a CA that is trusted (RFC 5280). Pure.

The TLS handshake has verified the path once. It is looked for again here because a resumed connection
verifies nothing, and because the answer changes while a node runs: CAs are removed, certificates expire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["Certificate", "CertificatePath", "find_path", "fingerprint_of", "load_pem", "may_issue"]

_SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
LONGEST = 6
"""The most certificates in a path, the device's own and the trusted one included."""


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 of a certificate, hexadecimal."""
    return hashlib.sha256(der).hexdigest()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A parsed certificate; times in seconds since the epoch, ``names`` its SAN dNSNames in lower case."""

    parsed: x509.Certificate
    fingerprint: str
    names: tuple[str, ...]
    not_after: float
    key_digest: str
    """The SHA-256 of the public key, hexadecimal: it tells a renewed certificate from another key."""

    @property
    def subject(self) -> str:
        """The subject as RFC 4514 writes it."""
        return self.parsed.subject.rfc4514_string()

    @classmethod
    def of(cls, certificate: x509.Certificate, der: bytes = b"") -> Certificate:
        """Take the facts out of a certificate. Raises ``ValueError`` where its extensions are broken."""
        try:
            alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = tuple(each.lower() for each in alternative.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            names = ()
        return cls(
            parsed=certificate,
            fingerprint=fingerprint_of(der or certificate.public_bytes(Encoding.DER)),
            names=names,
            not_after=certificate.not_valid_after_utc.timestamp(),
            key_digest=hashlib.sha256(certificate.public_key().public_bytes(*_SPKI)).hexdigest(),
        )

    @classmethod
    def parse(cls, der: bytes) -> Certificate:
        """Parse DER. Raises ``ValueError``."""
        return cls.of(x509.load_der_x509_certificate(der), der)


CertificatePath = tuple[Certificate, ...]
"""From the device's certificate up to the one that is trusted."""


def load_pem(content: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of a PEM file, in its order. Raises ``ValueError`` without any."""
    return tuple(Certificate.of(each) for each in x509.load_pem_x509_certificates(content))


def may_issue(issuer: x509.Certificate) -> bool:
    """Tell whether a certificate is a CA's and its key may sign certificates (RFC 5280 4.2.1.3, 4.2.1.9)."""
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False


def _room_below(issuer: x509.Certificate, intermediates: int) -> bool:
    length = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return length is None or intermediates <= length


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def find_path(
    leaf: Certificate,
    others: Iterable[Certificate],
    trusted: Mapping[str, Certificate],
    *,
    now: float,
) -> CertificatePath | None:
    """Return the shortest path from ``leaf`` to one of ``trusted`` (by fingerprint), else None.

    ``others`` are intermediates that nobody vouches for. Expired certificates are on no path.
    """
    by_subject: dict[bytes, list[Certificate]] = {}
    for each in [*trusted.values(), *others]:
        known = by_subject.setdefault(each.parsed.subject.public_bytes(), [])
        if all(each.fingerprint != other.fingerprint for other in known):
            known.append(each)
    if leaf.not_after < now:
        return None
    waiting: list[tuple[Certificate, ...]] = [(leaf,)]
    for _ in range(LONGEST - 1):
        longer: list[tuple[Certificate, ...]] = []
        for path in waiting:
            for issuer in _issuers(path, by_subject, now=now):
                found = (*path, issuer)
                if issuer.fingerprint in trusted:
                    return found
                longer.append(found)
        waiting = longer[:16]  # nobody needs more; cross-signed CAs could multiply without end
    return None


def _issuers(
    path: Sequence[Certificate], by_subject: Mapping[bytes, Sequence[Certificate]], *, now: float
) -> list[Certificate]:
    last = path[-1]
    return [
        issuer
        for issuer in by_subject.get(last.parsed.issuer.public_bytes(), ())
        if issuer.fingerprint not in {each.fingerprint for each in path}
        and issuer.not_after >= now
        and may_issue(issuer.parsed)
        and _room_below(issuer.parsed, len(path) - 1)
        and _issued(last.parsed, issuer.parsed)
    ]
