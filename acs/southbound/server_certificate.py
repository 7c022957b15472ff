"""The certificate that devices are shown: made by the node's own CA, or the operator's."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from acs.errors import AcsError
from acs.security import (
    Authority,
    CertificateFiles,
    covers,
    load_pem,
    private_directory,
    write_private,
)
from acs.settings import Settings

__all__ = ["ServerCertificate"]

_log = structlog.get_logger(__name__)


class ServerCertificate:
    """What lies in ``<data>/pki/server.pem`` and ``server.key``, and ``distress.*`` for distress channels.

    That of the settings ``server_certificate`` and ``server_key`` is taken over there once it was found to be
    usable, so that a renewal that went wrong leaves the node with the one it had.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = settings.data / "pki"
        given = settings.server_certificate
        self._files = (
            None
            if given is None
            else CertificateFiles(given, settings.server_key, "server_certificate, server_key")
        )

    @property
    def own(self) -> bool:
        """Whether the node's own CA makes it, and renews it."""
        return self._files is None

    @property
    def until(self) -> float:
        """Until when it is valid, in seconds since the epoch."""
        return load_pem((self._directory / "server.pem").read_bytes())[0].not_after

    def make(self) -> None:
        """Make it, or take over the operator's. Raises ``AcsError`` where that can't be used."""
        directory = private_directory(self._directory)
        authority = Authority.load_or_create(directory / "server", "femto-acs server CA")
        if self._files is not None:
            self._files.changed()
            self._take_over(self._files)
            return
        for name, names in self._shown().items():
            issued = authority.issue_server(names)
            self._write(name, issued.certificate + authority.certificate_pem, issued.key)

    def refresh(self) -> bool:
        """Take over the operator's where its files changed; tell whether it did. What is wrong is logged."""
        if self._files is None or not self._files.changed():
            return False
        try:
            self._take_over(self._files)
        except AcsError as error:
            _log.error("the new server certificate is not used; the one before is shown", why=str(error))
            return False
        return True

    def _shown(self) -> dict[str, list[str]]:
        """Return the names that each listener's certificate has to have."""
        settings = self._settings
        shown = {"server": settings.names}
        if settings.distress_port is not None:
            shown["distress"] = settings.distress_names or settings.names
        return shown

    def _take_over(self, files: CertificateFiles) -> None:
        chain = files.check()
        certificate, key = files.certificate.read_bytes(), files.key.read_bytes()
        urls = {"server": self._settings.url, "distress": self._settings.distress_url}
        for listener, names in self._shown().items():
            name = urlsplit(urls[listener]).hostname or names[0]
            if not covers(chain[0], name):
                _log.warning("devices will refuse the server certificate: it is for other names", lacks=name)
            self._write(listener, certificate, key)
        _log.info("the operator's server certificate is shown", subject=chain[0].subject)

    def _write(self, name: str, certificate: bytes, key: bytes) -> None:
        write_private(self._directory / f"{name}.key", key)
        write_private(self._directory / f"{name}.pem", certificate)
