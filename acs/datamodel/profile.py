"""A device profile: what a kind of device needs beside the standard, as data.

A profile is a YAML file in ``device_models/profiles`` or in ``profiles`` of the data directory; which one
holds is decided by who the device is (``acs.datamodel.profiles``), never by a comparison in code.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from acs.cwmp.faults import is_transient
from acs.datamodel.matching import Match

__all__ = ["STANDARD", "Alias", "Profile", "Tree"]

Tree = Literal["tr-196-2-lte", "tr-196-2-umts", "tr-196-1"]
"""Which FAPService a device has: TR-196 Issue 2 with its LTE or its UMTS branch, or TR-196 Issue 1 (UMTS)."""


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a device keeps what a canonical name means, and how its value reads there."""

    path: str
    """The parameter; ``Device.`` stands for the device's root. Empty: the device has no such thing."""
    type: str = ""
    """Its XML Schema type, for example ``xsd:boolean``; empty: the data model's."""
    inverted: bool = False
    """The device's boolean means the opposite."""
    scale: float = 1.0
    """The canonical value is the device's times this, for example 1e-6 for a latitude in microdegrees."""
    values: dict[str, str] = {}
    """The device's words, each with the canonical one."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The quirks of one kind of device; the defaults are those of a device that keeps to TR-069.

    Paths may have ``{i}`` for instance numbers; ``Device.`` stands for the device's root.
    """

    name: str
    description: str = ""
    match: tuple[Match, ...] = ()
    """Which devices it is for: those that one of these fits; none: no device, only others that extend it."""
    model: str = "henb"
    """The data model that names and values are checked against before they are sent; empty: none."""
    tree: Tree = "tr-196-2-lte"
    get_batch: int = 64
    """Most names in one GetParameterValues; longer reads are split and their answers merged."""
    set_batch: int = 256
    """Most parameters in one SetParameterValues."""
    names_of_root: bool = False
    """Whether GetParameterNames may be sent with an empty ParameterPath."""
    next_level: Literal["both", "true", "false"] = "both"
    """Which NextLevel the device's GetParameterNames bears."""
    booleans: Literal["1/0", "true/false"] = "1/0"
    """How booleans are written in a SetParameterValues."""
    fraction: bool = False
    """Whether dateTime values are sent with a fraction of a second."""
    set_alone: tuple[str, ...] = ()
    """Paths, such as AdminState, that want their own SetParameterValues."""
    locked_for: tuple[str, ...] = ()
    """Paths, or objects with all below them, that change only while ``cell.admin_state`` is off."""
    inverted: tuple[str, ...] = ()
    """Boolean paths of the standard whose sense is the opposite on this device."""
    status_1_means_reboot: bool = False
    """Whether Status 1 of a Set or an Add means that nothing is applied before a reboot."""
    aliases: dict[str, Alias] = {}
    """Canonical names that stand elsewhere on this device than its ``tree`` has them."""
    cookie_attributes: tuple[Literal["Path", "Secure", "HttpOnly"], ...] = ("Path", "Secure", "HttpOnly")
    """Attributes of Set-Cookie over TLS that the device's client survives; without TLS there are none."""
    xml_declaration: bool = False
    """Whether messages to the device begin with an XML declaration."""
    success_by_version: bool = False
    """Whether a Download is done when the device tells the new SoftwareVersion and no TransferComplete."""
    tolerated_events: tuple[str, ...] = ()
    """Beginnings of event codes that nobody knows and that are not worth a record of this device."""
    busy_faults: tuple[int, ...] = ()
    """Fault codes that mean "busy, ask again later" on this device, beside those that always do."""

    def says_busy(self, fault_code: int) -> bool:
        """Tell whether a fault may pass by itself, so that the same request is worth another try."""
        return is_transient(fault_code) or fault_code in self.busy_faults


STANDARD = Profile(name="standard")
