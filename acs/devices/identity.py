"""Who a device is: the key under which the ACS knows it (TR-069 3.4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

__all__ = ["Device", "certificate_name", "device_from_row", "device_key", "fail_safe_name"]

_SAFE = "_"
REFUSED = ("blocked", "pending")
"""The states of admission in which a device is refused."""


def _quote(text: str) -> str:
    """Percent-encode all but letters, digits and ``_``, so that ``-`` can separate (TR-069 3.4.4)."""
    return "".join(f"%{ord(c):02X}" if c in "-.~" else c for c in quote(text, safe=_SAFE))


def device_key(oui: str, serial_number: str) -> str:
    """Return ``<OUI>-<SerialNumber>``, percent-encoded; the OUI in capitals."""
    return f"{_quote(oui.upper())}-{_quote(serial_number)}"


def certificate_name(oui: str, serial_number: str, realm: str) -> str:
    """Return the FQDN a device's certificate bears: ``<serial>.<oui>.henb.<realm>``, lower case.

    The first label is the EUI-48 or EUI-64 of the H(e)NB (TS 33.320 4.4.9, TS 23.003).
    """
    return f"{serial_number}.{oui}.henb.{realm}".lower()


def fail_safe_name(oui: str, serial_number: str, realm: str) -> str:
    """Return the FQDN in the certificate of a device's fail-safe image: ``<serial>.<oui>.failsafe.<realm>``.

    It differs from the device's own, so that neither passes for the other wherever a CA is trusted.
    """
    return f"{serial_number}.{oui}.failsafe.{realm}".lower()


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the registry knows it; no secret is in here."""

    id: int
    device_key: str
    oui: str
    product_class: str
    serial_number: str
    manufacturer: str
    created_at: float
    admission: str
    admission_reason: str
    certificate_name: str | None
    connection_request_url: str
    session_epoch: int
    last_inform_at: float | None
    root: str
    software_version: str
    hardware_version: str
    parameter_key: str
    cwmp_namespace: str
    bootstrapped_at: float | None
    booted_at: float | None
    provisioned_for: str
    fault_management: str
    alarm_rings: str
    alarms_suspect: bool
    connection_request_at: float | None
    connection_request_error: str
    connection_request_result: str
    connection_request_tried_at: float | None
    udp_connection_request_address: str
    udp_binding: str
    udp_binding_at: float | None
    jabber_id: str
    nat_detected: bool
    reboot_needed_at: float | None = None
    reboot_needed_for: str = ""
    certificate_not_after: float | None = None
    contacts: str = ""
    channel: str = "standard"
    detection: str = ""
    inform_digest: bytes | None = None
    readmission: str = ""
    released_at: float | None = None
    has_open_commands: bool = False
    has_open_case: bool = False
    has_untreated_alarms: bool = False

    @property
    def blocked(self) -> bool:
        """Whether the HeMS refuses this device: it is on the black list, or waits for approval."""
        return self.admission in REFUSED


def device_from_row(row: Sequence[Any]) -> Device:
    """Build a Device from a row whose columns are the first of its fields, in their order."""
    return Device(*row)
