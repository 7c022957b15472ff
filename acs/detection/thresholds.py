"""What detection goes by: the section ``detection`` of the policy. Data."""

from __future__ import annotations

import re

import msgspec

from acs.detection.tunnel import network_problems

__all__ = ["Antenna", "Thresholds", "threshold_problems"]


class Antenna(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor's parameter that tells of the antenna, below the root, for example an identity or a VSWR.

    ``most``: the most that its number may be; none: it must not change.
    """

    name: str
    most: float | None = None


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the checks; times in seconds. They are versioned with the policy that they stand in.

    ``skip``: checks that are not made, for example ``C-12``. ``withhold``: those that have to find nothing
    before AdminState is set to true. ``require_approved``: software that is not in
    the catalogue is a finding even where it was there from the beginning. ``endpoints``: by the end of a
    parameter's name, the values that are allowed, with ``*``. ``tunnel_networks``: addresses that the
    SeGW gives to HeNBs; none: not judged. ``max_reference_signal_power``: licensed
    dBm by ProductClass, or ``*``. ``antenna``: what a vendor's data model tells of the antenna besides.
    """

    skip: list[str] = []
    withhold: list[str] = msgspec.field(default_factory=lambda: ["C-10", "C-11", "C-20"])
    read_interval: float = 21_600
    validation_interval: float = 86_400
    require_approved: bool = False
    clock_offset: float = 300
    clock_drift_ppm: float = 100
    clock_span: float = 3600
    clock_jitter: float = 5
    reboots: int = 5
    reboot_window: float = 86_400
    max_distance: float = 500  # metres
    macro_cells: int = 1
    location_votes: float = 2
    ipsec_errors_per_hour: float = 100
    max_reference_signal_power: dict[str, float] = {}
    antenna: list[Antenna] = []
    endpoints: dict[str, list[str]] = {}
    tunnel_networks: list[str] = []
    silence_intervals: float = 3
    sighting_age: float = 900


_PARAMETER = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)
_POSITIVE = (
    "read_interval",
    "validation_interval",
    "clock_offset",
    "clock_drift_ppm",
    "clock_span",
    "reboots",
    "reboot_window",
    "max_distance",
    "location_votes",
    "ipsec_errors_per_hour",
    "silence_intervals",
    "sighting_age",
)


def threshold_problems(found: Thresholds, known: frozenset[str]) -> list[str]:
    """Return what is wrong with a section, a sentence each; ``known``: the checks that there are."""
    problems = [
        f"detection.{name} is {getattr(found, name)}; a positive number is needed"
        for name in _POSITIVE
        if not getattr(found, name) > 0
    ]
    if not found.clock_jitter >= 0:
        problems.append(f"detection.clock_jitter is {found.clock_jitter}; 0 or more is needed")
    problems += [
        f"detection.antenna: {each.name!r} is no parameter below the root of the data model"
        for each in found.antenna
        if not _PARAMETER.fullmatch(each.name) or each.name.startswith(("Device.", "InternetGatewayDevice."))
    ]
    problems += network_problems(found.tunnel_networks)
    problems += [
        f"detection.{name}: {each!r} is unknown; known are {', '.join(sorted(known))}"
        for name in ("skip", "withhold")
        for each in getattr(found, name)
        if each not in known
    ]
    return problems
