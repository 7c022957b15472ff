"""TLS of the listener: which certificates are shown, which devices' certificates are trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from acs.errors import AcsError
from acs.security import Authority, private_directory, write_private
from acs.settings import Settings

__all__ = ["load_vendors", "server_context", "vendor_files"]

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2; TLS 1.3 has no weak ones (TS 33.310 6.2)


def vendor_files(settings: Settings) -> list[Path]:
    """Return the PEM files of vendor CAs that are trusted to vouch for devices."""
    directory = settings.vendor_directory
    found = sorted(directory.glob("*.pem")) if directory.is_dir() else []
    return [*settings.device_ca, *found]


def load_vendors(context: ssl.SSLContext, files: Iterable[Path]) -> None:
    """Trust the CAs in ``files``. Raises ``AcsError`` naming the file that can't be read."""
    for path in files:
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise AcsError(f"can't trust the vendor CA {path}: {error}") from error


def server_context(settings: Settings) -> ssl.SSLContext:
    """Return the listener's context, making the node's CA and server certificate at the first start.

    A client certificate is asked for but not demanded: a device without one proves itself by password.
    """
    directory = private_directory(settings.data / "pki")
    authority = Authority.load_or_create(directory / "server", "femto-acs server CA")
    issued = authority.issue_server(settings.names)
    certificate, key = directory / "server.pem", directory / "server.key"
    write_private(key, issued.key)
    write_private(certificate, issued.certificate + authority.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    context.num_tickets = 1
    context.verify_mode = ssl.CERT_OPTIONAL
    load_vendors(context, vendor_files(settings))
    return context
