"""TLS towards a device: its certificate is a vendor's, its URL an address, so names are compared here."""

from __future__ import annotations

import ssl
from typing import Any

from acs.southbound.authentication import certificates_sent
from acs.southbound.connection_requests.ways import Target
from acs.southbound.vendors import Vendors

__all__ = ["DeviceTls"]


class DeviceTls:
    """The rules of a connection request over https.

    A CA that the operator trusts has to vouch for the certificate, as it does when the device is the client,
    and the certificate has to bear the name under which the device was admitted, or the host in its URL.
    (OpenSSL alone would ask for the use as a server, which device certificates seldom allow.)
    Without ``vendors`` any certificate will do; LABS ONLY.
    """

    def __init__(self, vendors: Vendors | None) -> None:
        self._vendors = vendors
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # ``refusal`` verifies; nothing is sent before
        self.context = context

    @property
    def verified(self) -> bool:
        """Whether a connection is known to end at the device."""
        return self._vendors is not None

    def refusal(self, tls: Any, target: Target, host: str) -> str:
        """Return why this connection does not end at the device, "" where it does."""
        if self._vendors is None:
            return ""
        der = tls.getpeercert(binary_form=True)
        vouched = self._vendors.vouch(der, lambda: certificates_sent(tls)) if der else None
        if vouched is None:
            return "the device's certificate can't be read"
        if not vouched.path:
            return "no trusted CA vouches for the device's certificate; see: acs trust add"
        wanted = {each.lower() for each in (target.certificate_name, host) if each}
        if wanted.isdisjoint(vouched.certificate.names):
            shown = ", ".join(vouched.certificate.names[:3])[:200] or "no name"
            return f"the certificate is for {shown}, not for {' or '.join(sorted(wanted))}"
        return ""
