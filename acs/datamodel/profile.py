"""Device profiles: what a kind of device needs beside the standard, as data.

A profile is a YAML file in ``device_models/profiles``; which one holds is decided by OUI, ProductClass and
SoftwareVersion, never by a comparison in code.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["STANDARD", "Profile"]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The quirks of one kind of device; the defaults are those of a device that keeps to TR-069."""

    name: str
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
    """Paths (``{i}`` for instance numbers), such as AdminState, that want their own SetParameterValues."""
    status_1_means_reboot: bool = False
    """Whether Status 1 of a Set or an Add means that nothing is applied before a reboot."""


STANDARD = Profile(name="standard")
