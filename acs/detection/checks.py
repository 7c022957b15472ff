"""The checks that this HeMS makes itself (S1 L27), and the alarm that each raises. Data."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CHECKS", "REPORTED", "SPEAKS_WHEN_UNKNOWN", "Alarm", "Check", "Verdict"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What an alarm is made of, in canonical words (X.736, TS 32.111-2 Annex B)."""

    event_type: str
    probable_cause: str
    severity: str
    specific_problem: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what it looks at, the alarm's identifier, which is stable, and what it is made of."""

    number: str
    title: str
    identifier: str
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check came to: ``ok``, ``found``, or ``unknown``, where the facts do not tell.

    ``alarm``: another one than the check raises by default. ``facts``: what it was judged by.
    """

    check: str
    state: str
    text: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    alarm: Alarm | None = None


SPEAKS_WHEN_UNKNOWN = frozenset({"C-20"})
"""Checks that speak against radiating while ``unknown`` too: the device does not know the time."""
_INTEGRITY, _MODIFIED = "INTEGRITY_VIOLATION", "INFORMATION_MODIFICATION_DETECTED"
_CONFIG = Alarm(_INTEGRITY, _MODIFIED, "MAJOR", "CONFIG_MODIFIED")
_MINOR_CONFIG = Alarm(_INTEGRITY, _MODIFIED, "MINOR", "CONFIG_MODIFIED")
_SOFTWARE = Alarm(_INTEGRITY, _MODIFIED, "MAJOR", "SW_MODIFIED")
_HARDWARE = Alarm("PHYSICAL_VIOLATION", "INTRUSION_DETECTION", "CRITICAL", "CIRCUIT_MODIFIED")
_CLOCK = Alarm("TIME_DOMAIN_VIOLATION", "DELAYED_INFORMATION", "MAJOR", "CLOCK_SPEED_MODIFIED")
_ANTENNA = Alarm("PHYSICAL_VIOLATION", "CABLE_TAMPER", "MAJOR", "ANTENNA_MODIFIED")
_CASE = Alarm("PHYSICAL_VIOLATION", "INTRUSION_DETECTION", "MINOR", "CASE_OPENED")
_BEHAVIOUR = Alarm("OPERATIONAL_VIOLATION", "PROCEDURAL_ERROR", "MAJOR", "SW_BEHAVIOUR")
_UNEXPECTED = "UNEXPECTED_INFORMATION"

CHECKS: dict[str, Check] = {
    each.number: each
    for each in (
        Check(
            "C-03",
            "DeviceInfo tells the identity that DeviceId claims",
            "HeMS:identity-mismatch",
            Alarm(_INTEGRITY, _UNEXPECTED, "MAJOR", "IDENTITY_MISMATCH"),
        ),
        Check(
            "C-04",
            "its sessions come out of the SeGW's tunnels",
            "HeMS:outside-tunnel",
            Alarm(
                "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
                "UNAUTHORISED_ACCESS_ATTEMPT",
                "MAJOR",
                "OUTSIDE_TUNNEL",
            ),
        ),
        Check("C-07", "SoftwareVersion is what was released and loaded", "HeMS:software-version", _SOFTWARE),
        Check(
            "C-07h",
            "HardwareVersion does not change",
            "HeMS:hardware-version",
            Alarm("PHYSICAL_VIOLATION", "INTRUSION_DETECTION", "MAJOR", "HW_CHANGED"),
        ),
        Check(
            "C-08",
            "ParameterKey is one that this HeMS set",
            "HeMS:parameter-key",
            Alarm(_INTEGRITY, _UNEXPECTED, "WARNING", "PARAMETER_KEY_FOREIGN"),
        ),
        Check("C-09", "the declared configuration stays", "HeMS:configuration", _MINOR_CONFIG),
        Check("C-10", "the enclosure was not opened", "HeMS:enclosure", _CASE),
        Check(
            "C-11",
            "it is where it is registered",
            "HeMS:location",
            Alarm("OPERATIONAL_VIOLATION", "UNSPECIFIED_REASON", "MAJOR", "LOCATION_CHANGED"),
        ),
        Check("C-12", "the clock is right and runs at its speed", "HeMS:clock", _CLOCK),
        Check(
            "C-13",
            "it does not reboot by itself",
            "HeMS:reboots",
            Alarm("OPERATIONAL_VIOLATION", "OUT_OF_SERVICE", "MAJOR", "UNEXPECTED_REBOOT"),
        ),
        Check(
            "C-13u",
            "UpTime begins anew with each boot that it tells, and with no other",
            "HeMS:uptime",
            Alarm("OPERATIONAL_VIOLATION", "OUT_OF_SERVICE", "MAJOR", "UNEXPECTED_REBOOT"),
        ),
        Check("C-14", "it radiates only when it may, within the licence", "HeMS:radio", _BEHAVIOUR),
        Check("C-15", "gateways, MME, NTP and ManagementServer are ours", "HeMS:endpoints", _CONFIG),
        Check("C-16", "antenna and power are as declared", "HeMS:antenna", _ANTENNA),
        Check(
            "C-17",
            "IPsec errors stay below their rate",
            "HeMS:ipsec",
            Alarm("OPERATIONAL_VIOLATION", "DENIAL_OF_SERVICE", "MINOR", "LAN_DOS"),
        ),
        Check(
            "C-18",
            "it is not silent while the network sees it",
            "HeMS:silent",
            Alarm("OPERATIONAL_VIOLATION", "OUT_OF_SERVICE", "MAJOR", "SILENT_BUT_CONNECTED"),
        ),
        Check(
            "C-20",
            "the clock is set and synchronised",
            "HeMS:synchronisation",
            Alarm("TIME_DOMAIN_VIOLATION", "DELAYED_INFORMATION", "WARNING", "CLOCK_UNSYNCHRONISED"),
        ),
        Check("C-21", "the diagnostic test is fresh and finds nothing", "HeMS:integrity-report", _SOFTWARE),
    )
}
"""By number; the numbers are those of docs/detection.md."""

REPORTED: dict[str, Alarm] = {
    "tre": Alarm(_INTEGRITY, _MODIFIED, "CRITICAL", "SW_MODIFIED_TRE"),
    "hw": _HARDWARE,
    "sw": _SOFTWARE,
    "cfg": _CONFIG,
    "clk": _CLOCK,
    "ant": _ANTENNA,
    "case": _CASE,
}
"""The alarm for each part of a diagnostic test that fails, the gravest first."""
