"""Where a HeNB stands in clause 5.7, from detection to emergency remediation and shut-down: a pure table.

The device tells what happens to it (``Trigger``); the table says whether that moves it and where to. What has
no row in a stage moves nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["TRANSITIONS", "Move", "Stage", "Stages", "Transition", "Trigger", "find_transition"]


class Stage(StrEnum):
    """The stages of a HeNB, N0 to N14."""

    OPERATIONAL = "N0"
    DETECTED = "N1"
    REPORTING = "N2"
    WAIT_REMEDIATION = "N3"
    RECONFIGURING = "N4"
    REBOOTING = "N5"
    FACTORY_RESETTING = "N6"
    DOWNLOADING = "N7"
    DISTRESS_STANDARD_RETRY = "N8"
    DISTRESS_SECOND_PATH = "N9"
    EMERGENCY_BOOT = "N10"
    EMERGENCY_SESSION = "N11"
    EMERGENCY_DOWNLOAD = "N12"
    DISCOVERY = "N13"
    SHUT_DOWN = "N14"


class Trigger(StrEnum):
    """What happens to a HeNB."""

    POWER_ON = "a person switches it on"
    SWITCHED_OFF = "a person switches it off"
    REGISTERED = "it was heard by its HeMS after discovery"
    FAULT_DETECTED = "it detects tampering or a breach"
    REPORT = "an Inform with its alarm is on its way"
    FATAL_REPORT = "an Inform with a fatal alarm is on its way"
    ALARM_DELIVERED = "the InformResponse came"
    FATAL_DELIVERED = "the InformResponse to a fatal alarm came, and the session is over"
    TEST_DONE = "its diagnostic test ended"
    RECONFIGURED = "the HeMS sets parameters"
    SETTLED = "a session ended, and nothing is wrong any more"
    STILL_WRONG = "a session ended, and the fault is still there"
    REBOOT = "it reboots"
    FACTORY_RESET = "it resets to factory defaults"
    DOWNLOAD = "the HeMS has it load software"
    INSTALLED = "the software is loaded, it reboots with it"
    DOWNLOAD_FAILED = "the software could not be loaded"
    BOOTED = "it has booted"
    ALARM_UNTOLD = "its alarm can't be delivered over the standard path"
    FATAL_UNTOLD = "its fatal alarm can't be delivered over the standard path"
    SILENCE = "it is connected to the HeNB-GW/MME, and does not reach the HeMS"
    CALLED = "the HeMS calls it over a distress channel"
    STANDARD_WORKS = "a session over the standard path went well"
    STANDARD_FAILS = "the standard path fails, it takes the second one"
    SECOND_PATH_WORKS = "a session over the second path went well"
    EXHAUSTED = "no path is left and it has no emergency remediation"
    EMERGENCY = "no path is left, it has a fault, a connection and a fail-safe image"
    FAILSAFE_BOOTED = "the fail-safe image runs"
    EMERGENCY_FAILED = "emergency remediation failed"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in one of ``sources`` the ``trigger`` leads to ``target``; ``because`` cites S1."""

    id: str
    sources: tuple[Stage, ...]
    trigger: Trigger
    target: Stage
    because: str


_S, _T = Stage, Trigger
_AT_WORK = (_S.OPERATIONAL, _S.DETECTED, _S.REPORTING, _S.WAIT_REMEDIATION, _S.RECONFIGURING, _S.DOWNLOADING)
_ON_THE_WAY = (_S.DISTRESS_STANDARD_RETRY, _S.DISTRESS_SECOND_PATH, _S.DISCOVERY)
_RUNNING = (*_AT_WORK, *_ON_THE_WAY)
_EMERGENCY = (_S.EMERGENCY_BOOT, _S.EMERGENCY_SESSION, _S.EMERGENCY_DOWNLOAD)
_REACHED = (_S.OPERATIONAL, _S.DETECTED, _S.REPORTING, _S.WAIT_REMEDIATION)
_TOLD_LATER = (_S.DETECTED, _S.REPORTING)

TRANSITIONS: tuple[Transition, ...] = (
    # --- detection and report -------------------------------------------------------------------
    Transition(
        "N-01",
        (_S.OPERATIONAL, _S.WAIT_REMEDIATION, _S.RECONFIGURING, _S.DOWNLOADING, _S.DISCOVERY),
        _T.FAULT_DETECTED,
        _S.DETECTED,
        "S1 L13-L22: it generates a security alarm",
    ),
    Transition("N-02", (_S.DETECTED,), _T.REPORT, _S.REPORTING, "S1 L22, L24: the alarm is forwarded"),
    Transition("N-03", (_S.REPORTING,), _T.ALARM_DELIVERED, _S.WAIT_REMEDIATION, "S1 L22"),
    Transition(
        "N-04",
        _TOLD_LATER,
        _T.ALARM_UNTOLD,
        _S.DISTRESS_STANDARD_RETRY,
        "S1 L32: extended remediation begins by itself",
    ),
    # --- remediation by the HeMS over the standard path -----------------------------------------
    Transition("N-10", (_S.WAIT_REMEDIATION,), _T.TEST_DONE, _S.OPERATIONAL, "S1 L28"),
    Transition("N-11", _REACHED, _T.RECONFIGURED, _S.RECONFIGURING, "S1 L39"),
    Transition(
        "N-11", (_S.WAIT_REMEDIATION, _S.RECONFIGURING), _T.SETTLED, _S.OPERATIONAL, "S1 L39: it is remedied"
    ),
    Transition("N-11", (_S.RECONFIGURING,), _T.STILL_WRONG, _S.WAIT_REMEDIATION, "S1 L39: the next rung"),
    Transition("N-12", _RUNNING, _T.REBOOT, _S.REBOOTING, "S1 L39, L42"),
    Transition("N-12", (_S.REBOOTING,), _T.BOOTED, _S.OPERATIONAL, "what is wrong is detected anew"),
    Transition("N-13", _RUNNING, _T.FACTORY_RESET, _S.FACTORY_RESETTING, "S1 L39, L42"),
    Transition("N-13", (_S.FACTORY_RESETTING,), _T.BOOTED, _S.DISCOVERY, "0 BOOTSTRAP"),
    Transition("N-14", (*_REACHED, _S.RECONFIGURING), _T.DOWNLOAD, _S.DOWNLOADING, "S1 L42"),
    Transition("N-14", _RUNNING, _T.INSTALLED, _S.REBOOTING, "S1 L42"),
    Transition("N-14", (_S.DOWNLOADING,), _T.DOWNLOAD_FAILED, _S.WAIT_REMEDIATION, "S1 L42: the next rung"),
    # --- fatal breach ---------------------------------------------------------------------------
    Transition("N-30", (_S.DETECTED,), _T.FATAL_REPORT, _S.REPORTING, "S1 L46: it sends the alarm"),
    Transition(
        "N-31", _RUNNING, _T.FATAL_DELIVERED, _S.SHUT_DOWN, "S1 L46: it closes the session and shuts down"
    ),
    Transition("N-32", _TOLD_LATER, _T.FATAL_UNTOLD, _S.DISTRESS_STANDARD_RETRY, "S1 L46"),
    Transition(
        "N-33", _TOLD_LATER, _T.EMERGENCY, _S.EMERGENCY_BOOT, "S1 L46, L66: there is no distress channel"
    ),
    # --- distress channels ----------------------------------------------------------------------
    Transition(
        "N-40",
        (*_AT_WORK, _S.DISCOVERY),
        _T.SILENCE,
        _S.DISTRESS_STANDARD_RETRY,
        "S1 L76",
    ),
    Transition(
        "N-41",
        (*_AT_WORK, _S.DISCOVERY, _S.DISTRESS_SECOND_PATH),
        _T.CALLED,
        _S.DISTRESS_STANDARD_RETRY,
        "S1 L62, L78",
    ),
    Transition(
        "N-42",
        (_S.DISTRESS_STANDARD_RETRY, _S.DISTRESS_SECOND_PATH),
        _T.STANDARD_WORKS,
        _S.WAIT_REMEDIATION,
        "S1 L62",
    ),
    Transition("N-43", (_S.DISTRESS_STANDARD_RETRY,), _T.STANDARD_FAILS, _S.DISTRESS_SECOND_PATH, "S1 L62"),
    Transition("N-44", (_S.DISTRESS_SECOND_PATH,), _T.SECOND_PATH_WORKS, _S.DISTRESS_SECOND_PATH, "S1 L64"),
    Transition(
        "N-45",
        (_S.DISTRESS_STANDARD_RETRY, _S.DISTRESS_SECOND_PATH),
        _T.EMERGENCY,
        _S.EMERGENCY_BOOT,
        "S1 L66",
    ),
    Transition(
        "N-46", (*_AT_WORK, *_ON_THE_WAY), _T.EXHAUSTED, _S.SHUT_DOWN, "S1 L66: it shuts down at once"
    ),
    # --- emergency remediation ------------------------------------------------------------------
    Transition(
        "N-50",
        (_S.OPERATIONAL, _S.WAIT_REMEDIATION, _S.RECONFIGURING, _S.DOWNLOADING, _S.DISCOVERY),
        _T.EMERGENCY,
        _S.EMERGENCY_BOOT,
        "S1 L82: a fault, no exchange with the HeMS, a connection to the HeNB-GW/MME",
    ),
    Transition(
        "N-51",
        (_S.EMERGENCY_BOOT,),
        _T.FAILSAFE_BOOTED,
        _S.EMERGENCY_SESSION,
        "S1 L82: it asks the emergency management system for software",
    ),
    Transition("N-52", (_S.EMERGENCY_SESSION,), _T.DOWNLOAD, _S.EMERGENCY_DOWNLOAD, "S1 L82"),
    Transition("N-52", (_S.EMERGENCY_DOWNLOAD,), _T.INSTALLED, _S.DISCOVERY, "S1 L82"),
    Transition(
        "N-52", (_S.EMERGENCY_DOWNLOAD,), _T.DOWNLOAD_FAILED, _S.EMERGENCY_SESSION, "S1 L82: it asks again"
    ),
    Transition("N-53", (*_EMERGENCY, _S.DISCOVERY), _T.EMERGENCY_FAILED, _S.SHUT_DOWN, "S1 L84"),
    # --- beginning and end ----------------------------------------------------------------------
    Transition("N-60", (_S.DISCOVERY,), _T.REGISTERED, _S.OPERATIONAL, "S1 L82"),
    Transition("N-61", (_S.SHUT_DOWN,), _T.POWER_ON, _S.DISCOVERY, "discovery and registration"),
    Transition(
        "N-62",
        (*_RUNNING, _S.REBOOTING, _S.FACTORY_RESETTING, *_EMERGENCY),
        _T.SWITCHED_OFF,
        _S.SHUT_DOWN,
        "only a person switches it on again",
    ),
)
"""The whole table; N-61 and N-62 are what people do."""

_BY_PLACE = {(source, each.trigger): each for each in TRANSITIONS for source in each.sources}


def find_transition(stage: Stage, trigger: Trigger) -> Transition | None:
    """Return the row for what happens in a stage; None: it moves nothing."""
    return _BY_PLACE.get((stage, trigger))


@dataclass(frozen=True, slots=True)
class Move:
    """One transition that happened."""

    id: str
    source: Stage
    trigger: Trigger
    target: Stage


@dataclass(slots=True)
class Stages:
    """The stage of one HeNB, and how it came there (the last 500 moves)."""

    stage: Stage = Stage.SHUT_DOWN
    history: deque[Move] = field(default_factory=lambda: deque(maxlen=500))

    def on(self, trigger: Trigger) -> bool:
        """Move as the table says; tell whether that moved anything."""
        row = find_transition(self.stage, trigger)
        if row is None:
            return False
        self.history.append(Move(row.id, self.stage, trigger, row.target))
        self.stage = row.target
        return True
