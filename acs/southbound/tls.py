"""TLS of the listener: which certificates are shown, which devices' certificates are trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from acs.settings import Settings
from acs.southbound.vendors import VendorCA

__all__ = ["Listening"]

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2; TLS 1.3 has no weak ones (TS 33.310 6.2)
_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: what the operator trusts need not be a root


class Listening:
    """The TLS side of the listener: one context for its life, which hands each handshake to the newest.

    OpenSSL can't take a CA out of a context. So a change makes a new one, and the handshakes that begin
    after it are moved there as soon as the ClientHello has been read. Resumed connections verify nothing
    again; what they may do is decided by ``Vendors`` at each message.
    """

    def __init__(self, settings: Settings, cas: Iterable[VendorCA], name: str = "server") -> None:
        self._settings, self._name = settings, name
        self.context = self._newest = self._make(cas)
        self.context.sni_callback = self._hand_over

    def trust(self, cas: Iterable[VendorCA]) -> None:
        """Let new handshakes trust ``cas`` alone, and show them the certificate that is there now."""
        self._newest = self._make(cas)

    def _hand_over(self, tls: Any, _: str | None, context: ssl.SSLContext) -> None:
        if self._newest is not context:
            tls.context = self._newest

    def _make(self, cas: Iterable[VendorCA]) -> ssl.SSLContext:
        """Return a context that asks for a client certificate and does not demand one.

        A device without one proves itself by its password.
        """
        directory = self._settings.data / "pki"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(directory / f"{self._name}.pem", directory / f"{self._name}.key")
        context.num_tickets = 1
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
        trusted = b"".join(each.parsed.public_bytes(Encoding.DER) for ca in cas for each in ca.certificates)
        if trusted:
            context.load_verify_locations(cadata=trusted)
        return context
