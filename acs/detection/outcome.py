"""From verdicts to alarms: one alarm for a check, raised and cleared once (S1 L27)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from acs import alarms as al
from acs.detection.checks import CHECKS, SPEAKS_WHEN_UNKNOWN, Alarm, Verdict
from acs.detection.memory import Memory, memory_text
from acs.detection.thresholds import Thresholds
from acs.devices import Device
from acs.store.tables import detections, devices

__all__ = ["Circumstances", "Known", "conclude", "known_results", "metres_of", "remember"]

_OF_CASES = frozenset({"C-08", "C-09", "C-15", "C-16", "C-21"})
"""While a case is open these raise nothing: it reads and restores all that they look at, and tests."""

_FORGET = delete(detections).where(
    detections.c.device_id == bindparam("device"),
    detections.c.check.in_(bindparam("checks", expanding=True)),
)
_KEEP = insert(detections)
_REMEMBER = update(devices).where(devices.c.id == bindparam("id_"))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which policy it is judged, in whose name an alarm is raised, when."""

    limits: Thresholds
    policy: str
    detector: str
    now: float


class Known(msgspec.Struct, frozen=True):
    """What a check came to last, ``at`` since when."""

    check: str
    state: str
    text: str
    facts: dict[str, object]
    policy: str
    at: float


def conclude(
    conn: Connection, device: Device, memory: Memory, verdicts: Iterable[Verdict], how: Circumstances
) -> tuple[Memory, list[al.AlarmChange]]:
    """Raise and clear alarms as the verdicts say, and keep them; return the changes.

    Nothing is written of a check that is ``ok`` as before. What the device itself reports with the same
    words is not raised a second time; what is ``unknown`` changes no alarm.
    """
    changes: list[al.AlarmChange] = []
    states = dict(memory.states)
    news: dict[str, Verdict] = {}
    accepted = dict(memory.accepted)
    for judged in verdicts:
        if judged.check in how.limits.skip:
            continue
        verdict = _as_accepted(judged, accepted, how.limits)
        before = states.get(verdict.check)
        if verdict.state == "found":
            if verdict.check == "C-21" and device.has_open_case:
                continue
            changes += _raise(conn, device, verdict, how)
        elif verdict.state == "ok" and before == "found":
            changes += _clear(conn, device, verdict, how)
        if verdict.state != before and not (verdict.state == "unknown" and before == "found"):
            states[verdict.check] = verdict.state
            news[verdict.check] = verdict
    _keep(conn, device, news, how)
    if states != memory.states:
        memory = msgspec.structs.replace(memory, states=states)
    if accepted != memory.accepted:
        memory = msgspec.structs.replace(memory, accepted=accepted)
    return memory, changes


def _as_accepted(verdict: Verdict, accepted: dict[str, float], limits: Thresholds) -> Verdict:
    """Return the verdict as a person took it; what finds nothing, or goes further, is accepted no longer."""
    if verdict.check not in accepted:
        return verdict
    if verdict.state == "unknown":
        return replace(verdict, state="ok") if verdict.check in SPEAKS_WHEN_UNKNOWN else verdict
    if (
        verdict.state == "found"
        and abs(metres_of(verdict.facts) - accepted[verdict.check]) <= limits.max_distance
    ):
        return replace(verdict, state="ok", alarm=None)
    del accepted[verdict.check]
    return verdict


def metres_of(facts: Mapping[str, object]) -> float:
    """Return how far away a device is, by what C-11 was judged by; 0 where that does not tell."""
    metres = facts.get("metres", 0)
    return float(metres) if isinstance(metres, int | float) else 0.0


def _raise(conn: Connection, device: Device, verdict: Verdict, how: Circumstances) -> list[al.AlarmChange]:
    check = CHECKS[verdict.check]
    alarm = verdict.alarm or check.alarm
    found = al.find_alarm(conn, device.id, check.identifier)
    if found is not None and found.active:
        return []
    if device.has_open_case and verdict.check in _OF_CASES:
        return []
    if _reported(conn, device, alarm):
        return []
    change = al.raise_alarm(
        conn,
        device,
        identifier=check.identifier,
        event_type=alarm.event_type,
        probable_cause=alarm.probable_cause,
        perceived_severity=alarm.severity,
        specific_problem=alarm.specific_problem,
        additional_text=f"{check.number[:4]}: {verdict.text}",
        detector=how.detector,
        now=how.now,
    )
    return [change] if change is not None else []


def _reported(conn: Connection, device: Device, alarm: Alarm) -> bool:
    """Tell whether the device itself has raised such an alarm."""
    kind = (alarm.event_type, alarm.probable_cause, alarm.specific_problem)
    return any(
        (each.event_type, each.probable_cause, each.specific_problem) == kind
        for each in al.active_alarms(conn, device.id)
    )


def _clear(conn: Connection, device: Device, verdict: Verdict, how: Circumstances) -> list[al.AlarmChange]:
    found = al.find_alarm(conn, device.id, CHECKS[verdict.check].identifier)
    if found is None:
        return []
    reason = verdict.text or "the check finds nothing any more"
    change = al.clear_alarm(conn, device, found.id, reason, now=how.now)
    return [change] if change is not None else []


def _keep(conn: Connection, device: Device, verdicts: Mapping[str, Verdict], how: Circumstances) -> None:
    """Store what checks came to, by number, in place of what they came to before."""
    if not verdicts:
        return
    conn.execute(_FORGET, {"device": device.id, "checks": list(verdicts)})
    rows = [
        {
            "device_id": device.id,
            "check": number,
            "state": verdict.state,
            "text": verdict.text[:500].replace("\0", "\ufffd"),
            "facts": msgspec.json.encode(verdict.facts).decode()[:2000],
            "policy": how.policy,
            "at": how.now,
        }
        for number, verdict in verdicts.items()
    ]
    conn.execute(_KEEP, rows)


def remember(conn: Connection, device: Device, memory: Memory, before: Memory) -> None:
    """Store a memory where it changed."""
    if memory != before:
        values = {"detection": memory_text(memory).replace("\\u0000", "\ufffd")}
        conn.execute(_REMEMBER, {"id_": device.id, **values})


def known_results(conn: Connection, device_id: int) -> list[Known]:
    """Return what each check came to last, by number."""
    query = select(detections).where(detections.c.device_id == device_id).order_by(detections.c.check)
    return [
        Known(row.check, row.state, row.text, msgspec.json.decode(row.facts), row.policy, row.at)
        for row in conn.execute(query)
    ]
