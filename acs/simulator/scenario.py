"""Scenario files: which HeNBs there are, what is done to them, and what has to come of it. Data.

::

    name: demo
    devices:
      - serial: software-1          # one device; count: 5 makes software-1-1 … software-1-5
        tamper: software-modified   # one of the seven causes, see `acs simulate --list`
        until: reboot               # from which rung on it can be undone
        faults: [{method: Download, code: 9010, times: 1}]
        nat: false                  # true: behind a NAT, reached through STUN and UDP alone
        distress: [IPsec2]          # its distress channels, in order
        paths:                      # its network paths are separate; this is done to them, in seconds after
          - {at: 0, path: standard, cut: drop}   # the tampering, see acs/simulator/lines.py
        expect: {procedure: P2S, outcome: REMEDIATED, rungs: [download, reboot]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from acs.cwmp import messages as m
from acs.documents import read_yaml
from acs.errors import AcsError
from acs.simulator.henb import Fault
from acs.simulator.lines import check_name, parse_cut
from acs.simulator.tamper import TAMPERS, parse_until

__all__ = ["Entry", "Expectation", "FaultEntry", "Scenario", "check_faults", "load_scenario"]

SELF_TEST = "SelfTestDiagnostics"
"""What a fault calls the diagnostic test, which can hang."""


_SERIAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?", re.ASCII)


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the ACS's case has to come to: procedure, outcome, and the rungs it climbed in order."""

    procedure: str
    outcome: str
    rungs: list[str] = []


class FaultEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault on demand, see ``acs.simulator.henb.Fault``."""

    method: str
    code: int = 9002
    times: int = 1
    hang: bool = False


class PathCut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a path ``at`` seconds after the tampering; ``cut`` as ``lines.parse_cut`` reads it."""

    at: float
    path: str
    cut: Any = "drop"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device, or ``count`` alike; without ``tamper`` it is left in peace.

    ``distress``: its distress channels. ``paths``: when which of its network paths is cut.

    ``nat``: it is behind a NAT, and only UDP connection requests reach it (TR-069 Annex G).
    """

    serial: str
    count: int = 1
    tamper: str = ""
    until: str = ""
    faults: list[FaultEntry] = []
    nat: bool = False
    distress: list[Literal["IPsec2", "Internet", "AirInterface"]] = []
    paths: list[PathCut] = []
    expect: Expectation | None = None

    @property
    def separate(self) -> bool:
        """Whether each of its network paths goes over a relay of its own."""
        return bool(self.distress or self.paths)

    @property
    def serials(self) -> list[str]:
        """The serial numbers of its devices."""
        if self.count == 1:
            return [self.serial]
        return [f"{self.serial}-{number}" for number in range(1, self.count + 1)]

    def make_faults(self) -> list[Fault]:
        """Return the faults on demand of one device."""
        return [Fault(each.method, each.code, each.times, each.hang) for each in self.faults]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; ``image`` is the software version that the operator has approved."""

    name: str
    devices: list[Entry]
    image: str = "2.0.0"
    description: str = ""


def load_scenario(path: Path | None) -> Scenario:
    """Read a scenario, or the demo's. Raises ``AcsError`` that names the file and the place."""
    source = str(path) if path is not None else "the demo scenario"
    try:
        if path is None:
            text = resources.files("acs.simulator").joinpath("demo.yaml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        raw = read_yaml(text, str(source))
        scenario = msgspec.convert(raw, Scenario)
    except (OSError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise AcsError(f"{source}: {error}") from error
    _check(scenario, source)
    return scenario


def _check(scenario: Scenario, source: str) -> None:
    if not scenario.devices:
        raise AcsError(f"{source}: there is no device in it")
    seen: set[str] = set()
    for entry in scenario.devices:
        where = f"{source}: device {entry.serial!r}"
        if not _SERIAL.fullmatch(entry.serial):
            raise AcsError(
                f"{where}: a serial is 1 to 50 letters, digits and hyphens, as it is part of a name"
            )
        if entry.tamper and entry.tamper not in TAMPERS:
            raise AcsError(f"{where}: tamper {entry.tamper!r} is unknown; known are {', '.join(TAMPERS)}")
        _check_tampering(entry, where)
        _check_paths(entry, where)
        if entry.expect is not None and not entry.tamper:
            raise AcsError(f"{where}: expects an outcome but nothing is done to it; name a tamper")
        if not 1 <= entry.count <= 100_000:
            raise AcsError(f"{where}: count is {entry.count}; 1 to 100000 are allowed")
        for serial in entry.serials:
            if serial in seen:
                raise AcsError(f"{where}: the serial {serial!r} is there twice")
            seen.add(serial)


def _check_paths(entry: Entry, where: str) -> None:
    if entry.paths and not entry.tamper:
        raise AcsError(f"{where}: `paths` are cut after a tampering; name a tamper")
    if entry.separate and entry.nat:
        raise AcsError(f"{where}: a HeNB behind a NAT has no separate paths; leave `nat` out")
    if len(set(entry.distress)) < len(entry.distress):
        raise AcsError(f"{where}: `distress` names a channel twice")
    for each in entry.paths:
        check_name(each.path, f"{where}: ")
        parse_cut(each.cut, f"{where}: ")
        if not 0 <= each.at < 1e7:
            raise AcsError(f"{where}: `at` is {each.at}; it is seconds after the tampering")


def _check_tampering(entry: Entry, where: str) -> None:
    if not entry.tamper:
        if entry.until or entry.faults:
            raise AcsError(f"{where}: `until` and `faults` go with a tampering; name a tamper")
        return
    try:
        parse_until(entry.until, TAMPERS[entry.tamper])
    except AcsError as error:
        raise AcsError(f"{where}: {error}") from error
    check_faults(entry.faults, where)


def check_faults(faults: Iterable[FaultEntry], where: str) -> None:
    """Raise ``AcsError`` for a fault that would never happen; ``where`` is what its message begins with."""
    for fault in faults:
        hangs = fault.method == SELF_TEST and fault.hang
        if fault.method not in m.CPE_METHODS and not hangs:
            known = ", ".join(sorted(m.CPE_METHODS))
            raise AcsError(
                f"{where}: {fault.method!r} is no method of a CPE; known are {known}, and {SELF_TEST} with"
                " hang: true"
            )
        if fault.times < 1 or not 9000 <= fault.code <= 9899:
            raise AcsError(f"{where}: a fault has a code of 9000 to 9899 and happens at least once")
