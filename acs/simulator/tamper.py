"""The ways in which a HeNB is tampered with: the seven causes of S1 L14-L20, as data.

Each tells what is changed in the device, which alarm it raises, what its self test finds, and how far
a remediation has to go until the manipulation gives in (``until``).
"""

from __future__ import annotations

from dataclasses import dataclass

from acs.errors import AcsError

__all__ = ["TAMPERS", "UNTIL", "ActiveTamper", "Tamper", "parse_until"]

_FAP = "Device.Services.FAPService.1."
UNTIL = ("reconfigure", "download", "reboot", "factory_reset", "never")
"""From which rung of a ladder on a manipulation can be undone."""


@dataclass(frozen=True, slots=True)
class Tamper:
    """One way to tamper. ``check`` is the part of the self test that fails, empty for none.

    ``parameter`` and ``value``: what an attacker sets; ``software``: whether the running image is changed;
    ``fatal``: the HeNB can't restore itself and shuts down (S1 L45). ``drift_ppm``: how much
    too fast its clock runs.
    """

    name: str
    source: str
    event_type: str
    probable_cause: str
    severity: str
    specific_problem: str
    check: str = ""
    detail: str = ""
    parameter: str = ""
    value: str = ""
    software: bool = False
    fatal: bool = False
    drift_ppm: float = 0.0


TAMPERS: dict[str, Tamper] = {
    each.name: each
    for each in (
        Tamper(
            "software-modified",
            "S1 L14",
            "Integrity Violation",
            "Information Modification Detected",
            "Major",
            "SW_MODIFIED",
            check="sw",
            detail="s1ap",
            software=True,
        ),
        Tamper(
            "configuration-modified",
            "S1 L15",
            "Integrity Violation",
            "Information Modification Detected",
            "Major",
            "CONFIG_MODIFIED",
            check="cfg",
            detail="S1SigLinkServerList",
            parameter=f"{_FAP}FAPControl.LTE.Gateway.S1SigLinkServerList",
            value="mme.rogue.example",
        ),
        Tamper(
            "software-behaviour",
            "S1 L16",
            "Operational Violation",
            "Procedural Error",
            "Major",
            "SW_BEHAVIOUR",
            check="sw",
            detail="oam",
            software=True,
        ),
        Tamper(
            "clock-modified",
            "S1 L17",
            "Time Domain Violation",
            "Delayed Information",
            "Major",
            "CLOCK_SPEED_MODIFIED",
            check="clk",
            detail="+250ppm",
            parameter="Device.Time.NTPServer1",
            value="ntp.rogue.example",
            drift_ppm=250,
        ),
        Tamper(
            "antenna-modified",
            "S1 L18",
            "Physical Violation",
            "Cable Tamper",
            "Major",
            "ANTENNA_MODIFIED",
            check="ant",
            detail="power",
            parameter=f"{_FAP}CellConfig.LTE.RAN.RF.ReferenceSignalPower",
            value="20",
        ),
        Tamper(
            "case-opened",
            "S1 L19",
            "Physical Violation",
            "Intrusion Detection",
            "Minor",
            "CASE_OPENED",
            check="case",
            parameter=f"{_FAP}FAPControl.EnclosureTamperingDetected",
            value="1",
        ),
        Tamper(
            "circuit-modified",
            "S1 L20",
            "Physical Violation",
            "Intrusion Detection",
            "Critical",
            "CIRCUIT_MODIFIED",
            check="hw",
            fatal=True,
        ),
    )
}
"""By name."""


@dataclass(slots=True)
class ActiveTamper:
    """A manipulation at work in a device since ``since``; ``weakened``: it can no longer defend itself.

    ``silent``: the device says nothing of it; only its self test does, which the TrE makes.
    """

    tamper: Tamper
    until: str
    alarm_identifier: str = ""
    weakened: bool = False
    silent: bool = False
    since: float = 0.0

    def survives(self, action: str) -> None:
        """Note that the device was rebooted or reset: what was to give in to that gives in."""
        if self.until == action or (self.until == "reboot" and action == "factory_reset"):
            self.weakened = True

    @property
    def defends(self) -> bool:
        """Whether it undoes what is done against it."""
        return not self.weakened and self.until in ("reboot", "factory_reset", "never")


def parse_until(text: str, tamper: Tamper) -> str:
    """Return a checked ``until``; empty: the first rung undoes it. Raises ``AcsError``."""
    if not text:
        return "download" if tamper.software else "reconfigure"
    if text not in UNTIL:
        raise AcsError(f"until: {text!r} is unknown; known are {', '.join(UNTIL)}")
    return text
