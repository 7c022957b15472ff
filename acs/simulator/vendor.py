"""The maker of simulated HeNBs: what it certifies, what it signs."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from acs.errors import AcsError
from acs.security import Authority, Scope, private_directory, write_private, write_scope

__all__ = ["OUI", "PRODUCT_CLASS", "Vendor"]

OUI = "0005B9"
PRODUCT_CLASS = "HeNB-LTE"
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Vendor:
    """The maker of the fleet: its CA for device certificates and its key for software images."""

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self.directory = directory
        self.authority = Authority.load_or_create(directory, "femto-acs simulated vendor CA")
        write_scope(self.ca_path, Scope(ouis=(OUI,)))
        self.image_key = self._image_key(directory / "image.key")

    @property
    def ca_path(self) -> Path:
        """Where the CA's certificate lies, for an ACS to trust."""
        return self.directory / "ca.pem"

    def trusted_in(self, directory: Path, *, fail_safe: bool = False) -> None:
        """Put the CA, or that of fail-safe images, and its scope into an ACS's directory of trusted CAs."""
        authority = self.fail_safe_authority if fail_safe else self.authority
        name = "simulated-fail-safe.pem" if fail_safe else "simulated-vendor.pem"
        target = private_directory(directory) / name
        write_scope(target, Scope(ouis=(OUI,), fail_safe=fail_safe))
        write_private(target, authority.certificate_pem)

    @staticmethod
    def _image_key(path: Path) -> Ed25519PrivateKey:
        if not path.exists():
            raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
            write_private(path, Ed25519PrivateKey.generate().private_bytes(*raw))
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())

    @property
    def fail_safe_authority(self) -> Authority:
        """Issues the limited credentials of fail-safe images (S1 L82)."""
        return Authority.load_or_create(self.directory / "fail-safe", "femto-acs simulated fail-safe CA")

    @property
    def fail_safe_ca_path(self) -> Path:
        """Where that CA's certificate lies, for an emergency management system to trust."""
        self.fail_safe_authority  # noqa: B018 - made when it is first asked for
        pem = self.directory / "fail-safe" / "ca.pem"
        write_scope(pem, Scope(ouis=(OUI,), fail_safe=True))
        return pem

    def sign_image(self, image: bytes) -> bytes:
        """Return the detached signature with which the vendor releases an image."""
        return self.image_key.sign(image)

    @property
    def image_signer(self) -> bytes:
        """The public key that belongs to it, PEM."""
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.image_key.public_key().public_bytes(*form)

    def client_context(
        self,
        dns_name: str,
        server_ca: Path,
        *,
        kind: type[ssl.SSLContext] = ssl.SSLContext,
        authority: Authority | None = None,
    ) -> ssl.SSLContext:
        """Return a TLS context with a fresh certificate for a device, which trusts ``server_ca`` alone.

        ``authority`` issues it, where that is not the one for devices.
        """
        issued = (authority or self.authority).issue_client(dns_name)
        context = kind(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        try:
            context.load_verify_locations(cafile=server_ca)
        except ssl.SSLError as error:
            raise AcsError(
                f"{server_ca} holds no CA certificate in PEM that could vouch for the ACS"
            ) from error
        with tempfile.NamedTemporaryFile(mode="wb", suffix=".pem") as file:
            file.write(issued.key + issued.certificate)
            file.flush()
            context.load_cert_chain(file.name)
        return context
