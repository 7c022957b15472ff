"""CAs that do what a test wants: real keys, certificates, CRLs and OCSP answers."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
REASON = x509.ReasonFlags.key_compromise


def moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(thing) -> bytes:
    return thing.public_bytes(serialization.Encoding.DER)


def usage(**true: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"]
    names += ["key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: true.get(name, False) for name in names})


@dataclass
class Leaf:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: list[x509.Certificate] = field(default_factory=list)

    def tls(self, server_ca: Path, *, kind=ssl.SSLContext) -> ssl.SSLContext:
        """Return the context of a client that shows this certificate and its chain."""
        context = kind(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=server_ca)
        path = server_ca.parent / f"client-{self.certificate.serial_number:x}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(key + b"".join(pem(each) for each in [self.certificate, *self.chain]))
        context.load_cert_chain(path)
        return context


class CA:
    """A root, or below ``parent`` an intermediate. ``crl`` and ``ocsp``: URLs for what it issues."""

    def __init__(
        self, name: str, parent: CA | None = None, *, ca: bool = True, crl="", ocsp_url="", days=3650
    ):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.parent, self.crl_url, self.ocsp_url = parent, crl, ocsp_url
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.revoked: dict[int, datetime.datetime] = {}
        signer = parent or self
        builder = self._builder(self.subject, signer.subject, self.key.public_key(), signer, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(usage(key_cert_sign=ca, crl_sign=ca, digital_signature=True), True)
        if parent is not None:
            builder = parent._pointers(builder)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @staticmethod
    def _builder(subject, issuer, public, signer, days) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
        )

    def _pointers(self, builder):
        if self.crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(self.crl_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
        if self.ocsp_url:
            location = x509.UniformResourceIdentifier(self.ocsp_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
        return builder

    def issue(self, dns: str, *, days=1095, eku=ExtendedKeyUsageOID.CLIENT_AUTH, key=None) -> Leaf:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns[:64])])
        builder = self._builder(subject, self.subject, key.public_key(), self, days)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), False)
        made = self._pointers(builder).sign(self.key, hashes.SHA256())
        chain, above = [], self
        while above.parent is not None:
            chain.append(above.certificate)
            above = above.parent
        return Leaf(made, key, chain)

    def revoke(self, certificate: x509.Certificate, at: float = 1_700_000_000) -> None:
        self.revoked[certificate.serial_number] = moment(at)

    def make_crl(self, now: float, *, hours: float = 24, signer: CA | None = None, point: str = "") -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.subject)
            .last_update(moment(now - 60))
            .next_update(moment(now + hours * 3600))
        )
        if point:
            name = x509.UniformResourceIdentifier(point)
            only = x509.IssuingDistributionPoint([name], None, False, False, None, False, False)
            builder = builder.add_extension(only, critical=True)
        for serial, at in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(
                entry.add_extension(x509.CRLReason(REASON), False).build()
            )
        return der(builder.sign((signer or self).key, hashes.SHA256()))

    def answer(
        self, request: bytes, now: float, *, by: Leaf | CA | None = None, nonce=True, minutes=60
    ) -> bytes:
        """Answer an OCSP request as the CA itself, or as a delegated responder."""
        asked = ocsp.load_der_ocsp_request(request)
        revoked = asked.serial_number in self.revoked
        by = by or self
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=moment(now - 60),
            next_update=moment(now + minutes * 60),
            revocation_time=self.revoked.get(asked.serial_number),
            revocation_reason=REASON if revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
        if by is not self:
            builder = builder.certificates([by.certificate])
        if isinstance(nonce, x509.OCSPNonce):
            builder = builder.add_extension(nonce, False)
        elif nonce:
            for extension in asked.extensions:
                if isinstance(extension.value, x509.OCSPNonce):
                    builder = builder.add_extension(extension.value, False)
        return der(builder.sign(by.key, hashes.SHA256()))
