"""A certificate that somebody else renews: two PEM files, looked at again and again."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

from cryptography import x509

from acs.errors import AcsError
from acs.security.certificates import Certificate, load_pem

__all__ = ["CertificateFiles", "covers"]


class CertificateFiles:
    """A certificate with its chain, and its key, which may be in the same file.

    ``settings`` names the settings that say where they are, for errors.
    """

    def __init__(self, certificate: Path, key: Path | None, settings: str) -> None:
        self.certificate, self.key = certificate, key or certificate
        self._settings = settings
        self._seen: tuple[tuple[int, int, int], ...] = ()

    def changed(self) -> bool:
        """Tell whether a file is another than at the last call."""
        seen = tuple(_stamp(path) for path in (self.certificate, self.key))
        different, self._seen = seen != self._seen, seen
        return different

    def load_into(self, context: ssl.SSLContext) -> None:
        """Have ``context`` show the certificate. Raises ``AcsError``; ``context`` is then as it was."""
        self.check()
        self._load(context)

    def check(self) -> tuple[Certificate, ...]:
        """Return the chain, its own certificate first. Raises ``AcsError`` where it can't be used."""
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        try:
            return load_pem(self.certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise AcsError(f"can't use {self.certificate} (settings {self._settings}): {error}") from error

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.certificate, self.key, password=self._encrypted)
        except (OSError, ssl.SSLError) as error:
            files = " and ".join(dict.fromkeys((str(self.certificate), str(self.key))))
            raise AcsError(f"can't use {files} (settings {self._settings}): {error}") from error

    def _encrypted(self) -> str:
        raise AcsError(
            f"the key {self.key} (settings {self._settings}) is encrypted; store it without a password"
        )


def covers(certificate: Certificate, name: str) -> bool:
    """Tell whether a client that asks for ``name`` (DNS name or address) accepts it (RFC 6125 6.4)."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        wanted = name.lower().rstrip(".")
        wildcard = f"*.{wanted.partition('.')[2]}"
        return wanted in certificate.names or wildcard in certificate.names
    try:
        found = certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return address in found.get_values_for_type(x509.IPAddress)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
