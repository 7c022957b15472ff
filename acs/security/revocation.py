"""Whether a certificate was revoked: what CRLs (RFC 5280 5, 6.3) and OCSP answers (RFC 6960) say. Pure.

Delta and indirect CRLs are not read; a CRL that covers a part of the certificates only (users', CAs', those
of one distribution point) is used for that part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from acs.security.certificates import Certificate

__all__ = ["Crl", "Revocation", "crl_urls", "ocsp_request", "ocsp_urls", "read_crl", "read_crls", "read_ocsp"]

_SKEW = 300.0
"""Seconds by which the clocks of those who issue and ours may differ."""
_WITHOUT_NEXT_UPDATE = 3600.0
"""Seconds for which an OCSP answer is believed that does not say until when."""


_ODD = (
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@contextmanager
def _as_value_error(what: str) -> Iterator[None]:
    """Make a ``ValueError`` of what the library raises for content that is odd, not wrong.

    CRLs and OCSP answers come over plain http: whoever is on the way can write them. What proves nothing is
    no reason to fail.
    """
    try:
        yield
    except _ODD as error:
        raise ValueError(f"{what} can't be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is known of a certificate until the time ``until``; ``why`` is a sentence."""

    status: Literal["good", "revoked", "unknown"]
    why: str
    until: float


@dataclass(frozen=True, slots=True)
class Crl:
    """A CRL that was read: serial numbers and why they were revoked. It is not verified yet."""

    parsed: x509.CertificateRevocationList
    issuer: bytes
    revoked: Mapping[int, str]
    next_update: float
    users_only: bool = False
    authorities_only: bool = False
    points: frozenset[x509.GeneralName] = frozenset()
    """The distribution points whose certificates it covers; empty: those of all."""

    @property
    def this_update(self) -> float:
        """When it was issued, in seconds since the epoch."""
        return self.parsed.last_update_utc.timestamp()

    def signed_by(self, issuer: Certificate) -> bool:
        """Tell whether ``issuer`` signed it and may sign CRLs."""
        try:
            usage = issuer.parsed.extensions.get_extension_for_class(x509.KeyUsage).value
            if not usage.crl_sign:
                return False
        except x509.ExtensionNotFound:
            pass
        key = issuer.parsed.public_key()
        try:
            with _as_value_error("the CRL"):
                return issuer.parsed.subject.public_bytes() == self.issuer and self.parsed.is_signature_valid(
                    key  # type: ignore[arg-type] # a kind of key that signs nothing raises TypeError
                )
        except (TypeError, ValueError):
            return False

    def tells(self, certificate: Certificate, *, now: float) -> Revocation:
        """Return what it says of a certificate of its issuer. Revoked is revoked, old as the CRL may be."""
        reason = self.revoked.get(certificate.parsed.serial_number)
        if reason is not None:
            return Revocation("revoked", f"revoked by its CA ({reason})", max(self.next_update, now + 3600))
        if self.next_update < now:
            return Revocation("unknown", "the CRL of its CA is too old", now)
        if not self._covers(certificate):
            return Revocation("unknown", "the CRL of its CA does not cover it", self.next_update)
        return Revocation("good", "not in the CRL of its CA", self.next_update)

    def _covers(self, certificate: Certificate) -> bool:
        """Tell whether that a certificate is not in it means that it is good (RFC 5280 6.3.3 b)."""
        if self.users_only if _is_authority(certificate) else self.authorities_only:
            return False
        return not self.points or not self.points.isdisjoint(_points(certificate))


def _is_authority(certificate: Certificate) -> bool:
    try:
        return certificate.parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def read_crls(content: bytes, *, now: float) -> tuple[Crl, ...]:
    """Read all CRLs of a file, PEM, or the one of DER. Raises ``ValueError`` that says what is wrong."""
    return tuple(read_crl(each, now=now) for each in _PEM.findall(content) or [content])


_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


def read_crl(content: bytes, *, now: float) -> Crl:
    """Read a CRL, DER or PEM. Raises ``ValueError`` that says what is wrong with it."""
    with _as_value_error("the CRL"):
        return _read_crl(content, now=now)


def _read_crl(content: bytes, *, now: float) -> Crl:
    load = x509.load_pem_x509_crl if content.lstrip().startswith(b"-----") else x509.load_der_x509_crl
    parsed = load(content)
    users, authorities, points = _part(parsed)
    if parsed.next_update_utc is None:
        raise ValueError("it does not say until when it holds")
    if parsed.last_update_utc.timestamp() > now + _SKEW:
        raise ValueError(f"it is of the future: {parsed.last_update_utc}")
    revoked = {}
    for entry in parsed:
        reason = _reason(entry)
        if reason != "removeFromCRL":
            revoked[entry.serial_number] = reason
    until = parsed.next_update_utc.timestamp()
    return Crl(parsed, parsed.issuer.public_bytes(), revoked, until, users, authorities, points)


def _part(parsed: x509.CertificateRevocationList) -> tuple[bool, bool, frozenset[x509.GeneralName]]:
    """Return what part a CRL covers: users' alone, CAs' alone, of which distribution points.

    Raises ``ValueError`` for a CRL that is of a kind that is not read.
    """
    users = authorities = False
    points: frozenset[x509.GeneralName] = frozenset()
    for extension in parsed.extensions:
        match extension.value:
            case x509.DeltaCRLIndicator():
                raise ValueError("it is a delta CRL, which is not read")
            case x509.IssuingDistributionPoint() as point:
                if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
                    raise ValueError("it is an indirect CRL or one of some reasons only, which are not read")
                if point.relative_name is not None:
                    raise ValueError("it names its distribution point by a relative name, which is not read")
                users, authorities = point.only_contains_user_certs, point.only_contains_ca_certs
                points = frozenset(point.full_name or ())
            case x509.UnrecognizedExtension() if extension.critical:
                raise ValueError(f"its critical extension {extension.oid.dotted_string} is not known")
    return users, authorities, points


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return "unspecified"


def _points(certificate: Certificate) -> set[x509.GeneralName]:
    """Return the names of the distribution points of a certificate, or its issuer's (RFC 5280 6.3.3 b 2)."""
    own: set[x509.GeneralName] = {x509.DirectoryName(certificate.parsed.issuer)}
    try:
        points = certificate.parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return own
    return {name for point in points for name in point.full_name or ()} or own


def crl_urls(certificate: Certificate) -> list[str]:
    """Return the http URLs of CRLs that a certificate names."""
    try:
        points = certificate.parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = [name.value for point in points for name in point.full_name or () if not point.crl_issuer]
    return [name for name in names if isinstance(name, str) and name.startswith("http://")][:3]


def ocsp_urls(certificate: Certificate) -> list[str]:
    """Return the http URLs of OCSP responders that a certificate names."""
    try:
        access = certificate.parsed.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    found = [each.access_location.value for each in access if each.access_method == _OCSP]
    return [each for each in found if isinstance(each, str) and each.startswith("http://")][:3]


_OCSP = AuthorityInformationAccessOID.OCSP


def ocsp_request(certificate: Certificate, issuer: Certificate, nonce: bytes) -> bytes:
    """Return the DER of a request about a certificate; SHA-1 names the CA, as every responder knows it."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate.parsed, issuer.parsed, hashes.SHA1())  # noqa: S303 - a name, no signature
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(_DER)


_DER = serialization.Encoding.DER


def read_ocsp(
    content: bytes, certificate: Certificate, issuer: Certificate, nonce: bytes, *, now: float
) -> Revocation:
    """Return what an OCSP answer says of a certificate. Raises ``ValueError`` for one that proves nothing.

    A nonce has to be ours where there is one; responders that answer in advance have none.
    """
    with _as_value_error("the OCSP answer"):
        return _read_ocsp(content, certificate, issuer, nonce, now=now)


def _read_ocsp(
    content: bytes, certificate: Certificate, issuer: Certificate, nonce: bytes, *, now: float
) -> Revocation:
    answer = ocsp.load_der_ocsp_response(content)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError(f"the responder says {answer.response_status.name}")
    _check_signature(answer, issuer, now=now)
    for extension in answer.extensions:
        if isinstance(extension.value, x509.OCSPNonce) and extension.value.nonce != nonce:
            raise ValueError("it answers another request: the nonce is not ours")
    for single in answer.responses:
        if _is_about(single, certificate, issuer):
            return _status(single, now=now)
    raise ValueError("it says nothing about this certificate")


def _status(single: ocsp.OCSPSingleResponse, *, now: float) -> Revocation:
    this, following = single.this_update_utc.timestamp(), single.next_update_utc
    until = following.timestamp() if following is not None else this + _WITHOUT_NEXT_UPDATE
    if this > now + _SKEW or until < now - _SKEW:
        raise ValueError(f"it holds from {single.this_update_utc} to {following}, which is not now")
    match single.certificate_status:
        case ocsp.OCSPCertStatus.REVOKED:
            reason = single.revocation_reason.value if single.revocation_reason else "unspecified"
            return Revocation("revoked", f"revoked by its CA ({reason})", until)
        case ocsp.OCSPCertStatus.GOOD:
            return Revocation("good", "the OCSP responder of its CA says so", until)
        case _:
            return Revocation("unknown", "the OCSP responder of its CA does not know it", until)


def _is_about(single: ocsp.OCSPSingleResponse, certificate: Certificate, issuer: Certificate) -> bool:
    algorithm = single.hash_algorithm.name
    if single.serial_number != certificate.parsed.serial_number:
        return False
    name = hashlib.new(algorithm, issuer.parsed.subject.public_bytes(), usedforsecurity=False).digest()
    return single.issuer_name_hash == name and single.issuer_key_hash == _key_hash(issuer, algorithm)


def _key_hash(issuer: Certificate, algorithm: str) -> bytes:
    """Hash the bits of the public key, without the algorithm around them (RFC 6960 4.1.1)."""
    if algorithm == "sha1":
        return x509.SubjectKeyIdentifier.from_public_key(issuer.parsed.public_key()).digest
    key = issuer.parsed.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        bits = key.public_bytes(*form)
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    else:
        raise ValueError("it names the CA in a way that is not known for this kind of key")  # noqa: TRY004 - the answer is wrong, not the program
    return hashlib.new(algorithm, bits, usedforsecurity=False).digest()


def _check_signature(answer: ocsp.OCSPResponse, issuer: Certificate, *, now: float) -> None:
    """Check that the CA answered, or one whom it delegated that to (RFC 6960 4.2.2.2)."""
    for each in [issuer.parsed, *answer.certificates[:4]]:
        if each != issuer.parsed and not _delegated(each, issuer, now=now):
            continue
        if _signed(answer, each):
            return
    raise ValueError("neither the CA signed it nor a responder of the CA")


def _delegated(responder: x509.Certificate, issuer: Certificate, *, now: float) -> bool:
    try:
        usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        responder.verify_directly_issued_by(issuer.parsed)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    if responder.not_valid_before_utc.timestamp() > now + _SKEW:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage and responder.not_valid_after_utc.timestamp() >= now


def _signed(answer: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    key, algorithm = by.public_key(), answer.signature_hash_algorithm
    try:
        match key:
            case ec.EllipticCurvePublicKey() if algorithm is not None:
                key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
            case rsa.RSAPublicKey() if algorithm is not None:
                key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(answer.signature, answer.tbs_response_bytes)
            case _:
                return False
    except InvalidSignature:
        return False
    return True
