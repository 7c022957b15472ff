"""Detection inside a device's own transactions: its Inform, the values it is read, what it would not answer.

A steady Inform decodes a small memory and writes nothing. Each function returns the changes of the alarm
list; what remediation makes of them is the caller's to ask.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.commands import Command
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.detection.checks import CHECKS, SPEAKS_WHEN_UNKNOWN, Verdict
from acs.detection.clock import follow_clock, follow_uptime, is_set, judge_synchronisation
from acs.detection.memory import Memory, memory_of
from acs.detection.ours import keys_of, loads_of, reset_of_ours, set_by_us
from acs.detection.outcome import Circumstances, conclude, known_results, metres_of, remember
from acs.detection.place import WITNESSES, judge_place, witnesses_of
from acs.detection.report import judge_report, parse_report
from acs.detection.software import follow_boots, follow_software, judge_key
from acs.detection.tunnel import judge_tunnel
from acs.detection.values import (
    OBJECTS,
    follow_baseline,
    follow_counters,
    follow_drift,
    judge_enclosure,
    judge_radio,
)
from acs.devices import CheckIn, Device
from acs.devices import clones as cl
from acs.distress import STANDARD

__all__ = ["PURPOSE", "accept", "expect_software", "informed", "reads_settled", "values_read"]

PURPOSE = "detection"
"""The purpose of a command by which detection reads or tests."""
_TEST = "SelfTestDiagnostics."
_BY_VALUES = ("C-03", "C-07h", "C-08", "C-09", "C-10", "C-11", "C-14", "C-15", "C-16")
_STANDING = ("C-10", "C-11", "C-14", "C-20")  # what they find goes on when it is accepted
_TIME, _UP = "Time.Status", "DeviceInfo.UpTime"
_TABLES = WITNESSES["macro_cells"]
_OF_PLACE = (*WITNESSES["latitude"], *_TABLES)
_PREFIXES = (
    "Services.FAPService.1.",
    "DeviceInfo.",
    "ManagementServer.URL",
    "IPsec.Stats.",
    "FAP.GPS.",
    "Time.",
)
_FAULTS_OF_ABSENCE = frozenset({9000, 9003, 9005, 9007, 9008})


def _provisioned(device: Device) -> bool:
    return bool(device.provisioned_for) and device.provisioned_for == (device.software_version or "?")


def _below_root(device: Device, values: Mapping[str, str]) -> dict[str, str]:
    root = device.root or "Device."
    return {name.removeprefix(root): value for name, value in values.items() if name.startswith(root)}


def informed(
    conn: Connection,
    before: Device,
    check: CheckIn,
    inform: m.Inform,
    how: Circumstances,
    *,
    address: str = "",
) -> list[al.AlarmChange]:
    """Judge an Inform, and have read and tested what is due.

    ``before``: the device as it was; ``address``: where the Inform comes from.
    """
    device, now = check.device, how.now
    start = memory = memory_of(before.detection)
    verdicts: list[Verdict] = []
    memory, verdict = follow_clock(memory, inform.current_time, how.limits, booted=check.boot, now=now)
    verdicts.append(verdict)
    if is_set(inform.current_time) == memory.unset:
        memory = msgspec.structs.replace(memory, unset=not memory.unset)
        name = f"{device.root or 'Device.'}{_TIME}"
        told = dev.parameters_of(conn, device.id, name).get(name)
        verdicts.append(_synchronised(memory, device, told.value if told else "", how))
    if how.limits.tunnel_networks and address and device.channel == STANDARD:
        verdicts.append(judge_tunnel(address, tuple(how.limits.tunnel_networks)))
    if device.software_version != memory.version or memory.odd_version:
        loads = loads_of(conn, device, memory)
        memory, verdict = follow_software(memory, device.software_version, loads, how.limits, now=now)
        verdicts.append(verdict)
    if memory.states.get("C-18") == "found":
        verdicts.append(Verdict("C-18", "ok", "it informs again"))
    known = before.last_inform_at is not None
    if known and device.parameter_key != before.parameter_key:
        verdicts.append(_judge_key(conn, before, check, now=now))
    if check.boot or memory.boots:
        unexplained = check.boot and known and not _explained(check, inform.events)
        memory, verdict = follow_boots(memory, how.limits, unexplained=unexplained, now=now)
        verdicts.append(verdict)
    if check.changed or any(memory.states.get(each) == "found" for each in _BY_VALUES):
        memory, found = _judge_values(conn, device, memory, check.changed, added=check.added, how=how)
        verdicts += found
    memory, changes = conclude(conn, device, memory, verdicts, how)
    memory = _have_read(conn, check, inform.events, memory, how)
    remember(conn, device, memory, start)
    return changes


def _synchronised(memory: Memory, device: Device, status: str, how: Circumstances) -> Verdict:
    booted_for = how.now - (device.booted_at or 0)
    return judge_synchronisation(memory, status, how.limits, booted_for=booted_for)


def _judge_key(conn: Connection, before: Device, check: CheckIn, *, now: float) -> Verdict:
    device = check.device
    if not device.parameter_key and check.bootstrap and memory_of(before.detection).expected:
        return Verdict("C-08", "ok")  # reset by emergency remediation elsewhere
    if not device.parameter_key and reset_of_ours(conn, device.id, since=before.last_inform_at or now):
        return Verdict("C-08", "ok")
    ours = keys_of(conn, device.id)
    if check.bootstrap:
        ours = [each for each in ours if each]  # an empty key is then that of the factory
    return judge_key(device.parameter_key, ours, bootstrap=check.bootstrap)


def _explained(check: CheckIn, events: Sequence[m.Event]) -> bool:
    """Tell whether a boot has a reason that is known: ours, new software, a reset; or a case is at work."""
    if check.bootstrap or check.version_changed or check.device.has_open_case:
        return True
    return any(
        each.code.startswith("M ") or each.code in (ev.TRANSFER_COMPLETE, ev.AUTONOMOUS_TRANSFER_COMPLETE)
        for each in events
    )


def _judge_values(
    conn: Connection,
    device: Device,
    memory: Memory,
    changed: Mapping[str, str],
    *,
    added: Collection[str],
    fresh: Collection[str] = (),
    how: Circumstances,
) -> tuple[Memory, list[Verdict]]:
    """Judge what is known of the device's values, of which ``changed`` (in full) are new.

    ``fresh``: what it told just now beside that, below the root.
    """
    root = device.root or "Device."
    watched = _prefixes(how)
    wanted = watched if not changed or _relevant(device, changed, watched) else ()
    values = {
        name.removeprefix(root): each.value
        for prefix in wanted
        for name, each in dev.parameters_of(conn, device.id, root + prefix).items()
    }
    ours = set_by_us(conn, device.id, changed) if changed else set()
    # What is seen for the first time, as the values of a new row, was not changed by anybody.
    foreign = [name for name in changed if name not in ours and name not in added]
    memory, verdicts = follow_baseline(
        memory,
        values,
        device.hardware_version,
        {name.removeprefix(root) for name in ours},
        how.limits.antenna,
    )
    drifting: list[Verdict] = []
    if _provisioned(device):
        memory, drifting = follow_drift(memory, dev.drift(conn, device), foreign, values, how.limits)
    # The antenna has two witnesses: it is fine when both say so.
    told = {each.check: each for each in drifting if each.state == "found"}
    verdicts += [each for each in drifting if each.state == "found" or not _told(verdicts, each.check)]
    verdicts = [each for each in verdicts if each.state == "found" or each.check not in told]
    foreign_key = memory.states.get("C-08") == "found"
    if foreign_key and _provisioned(device) and device.parameter_key in keys_of(conn, device.id):
        verdicts.append(Verdict("C-08", "ok"))
    if values:
        verdicts += [
            judge_enclosure(values),
            judge_radio(
                values,
                device.product_class,
                how.limits,
                fresh={*fresh, *(name.removeprefix(root) for name in changed)},
            ),
            _judge_place(conn, device, values, how),
        ]
    if any(name.startswith(f"{root}Time.") for name in changed) and memory.clock is not None:
        # Where its time comes from was changed: its speed is measured anew, and what was found is over.
        memory = msgspec.structs.replace(memory, clock=None, clock_strikes=0)
        verdicts.append(Verdict("C-12", "ok", "its source of time was changed; measured anew"))
    return memory, verdicts


def _told(verdicts: Iterable[Verdict], check: str) -> bool:
    return any(each.check == check and each.state == "found" for each in verdicts)


def _prefixes(how: Circumstances) -> tuple[str, ...]:
    """Return where that stands which is judged."""
    return (*_PREFIXES, *(each.name for each in how.limits.antenna))


def _relevant(device: Device, changed: Iterable[str], watched: tuple[str, ...]) -> bool:
    root = device.root or "Device."
    return any(name.removeprefix(root).startswith(watched) for name in changed)


def _judge_place(conn: Connection, device: Device, values: Mapping[str, str], how: Circumstances) -> Verdict:
    site = dev.site_of(conn, device.id)
    registered = dev.site_values(conn, site) if site else {}
    return judge_place(values, registered, how.limits, address_moved=_address_moved(device))


def _address_moved(device: Device) -> bool:
    """Tell whether its address is of another network (/16, /32 of IPv6) than the first that is known."""
    addresses = msgspec.json.decode(device.contacts or "{}", type=cl.History).addresses
    if len(addresses) < 2:
        return False
    try:
        first, last = (ipaddress.ip_address(each.value) for each in (addresses[0], addresses[-1]))
    except ValueError:
        return False
    length = 16 if first.version == 4 else 32
    return last not in ipaddress.ip_network(f"{first}/{length}", strict=False)


# --- what is read ------------------------------------------------------------------------


def _have_read(
    conn: Connection, check: CheckIn, events: Sequence[m.Event], memory: Memory, how: Circumstances
) -> Memory:
    """Queue the reads and the test that are due; none while something else is under way."""
    device, now, limits = check.device, how.now, how.limits
    replace = msgspec.structs.replace
    if not _provisioned(device) or device.has_open_case or device.has_open_commands or device.blocked:
        return memory
    root = device.root or "Device."
    if memory.absent_for != device.software_version:
        memory = replace(memory, absent=(), absent_for=device.software_version)
    if not memory.tested_at:  # provisioning has just read it all
        memory = replace(memory, tested_at=now, read_at=memory.read_at or now)
    if check.boot:  # a table may be empty until the first scan after a boot
        memory = replace(memory, absent=tuple(each for each in memory.absent if each not in _TABLES))
    if ev.has_event(events, ev.DIAGNOSTICS_COMPLETE) and "report" not in memory.absent:
        names = (f"{root}{_TEST}DiagnosticsState", f"{root}{_TEST}Results")
        _enqueue(conn, check, "report", m.GetParameterValues(names), now=now)
    if check.boot or memory.withheld or now - memory.read_at >= limits.read_interval:
        memory = replace(memory, read_at=now)
        site = dev.site_of(conn, device.id)
        at_site = witnesses_of(dev.site_values(conn, site)) if site else []
        objects = {"declared": dev.declared(conn, device).names} | {
            label: tuple(f"{root}{name}" for name in names)
            for label, names in OBJECTS.items()
            if label in at_site or label not in _OF_PLACE
        }
        objects |= {f"antenna{n}": (f"{root}{each.name}",) for n, each in enumerate(limits.antenna)}
        for label, paths in objects.items():
            if paths and label not in memory.absent:
                _enqueue(conn, check, label, m.GetParameterValues(tuple(paths)), now=now)
    if (
        now - memory.tested_at >= limits.validation_interval
        and "C-21" not in limits.skip
        and "test" not in memory.absent
    ):
        memory = replace(memory, tested_at=now)
        key = _key(check, "test")
        value = m.ParameterValue(f"{root}{_TEST}DiagnosticsState", "Requested")
        _enqueue(conn, check, "test", m.SetParameterValues((value,), key), now=now)
    return memory


def _key(check: CheckIn, label: str) -> str:
    return f"t{check.device.id}-{check.epoch}-{label}"


def _enqueue(conn: Connection, check: CheckIn, label: str, request: m.Message, *, now: float) -> None:
    key = _key(check, label)
    cm.enqueue(conn, check.device.id, request, command_key=key, purpose=PURPOSE, priority=8, now=now)


def values_read(
    conn: Connection,
    device: Device,
    values: Sequence[m.ParameterValue],
    changed: Mapping[str, str],
    *,
    added: Collection[str],
    how: Circumstances,
) -> list[al.AlarmChange]:
    """Judge what a GetParameterValues brought, whoever asked.

    ``changed``: what of it is news; ``added``: of which nothing was known before.
    """
    start = memory = memory_of(device.detection)
    told = _below_root(device, {each.name: each.value for each in values})
    verdicts: list[Verdict] = []
    found = any(memory.states.get(each) == "found" for each in _BY_VALUES)
    fresh = (
        any(name.startswith(_prefixes(how)) for name in told) and not set(_BY_VALUES) <= memory.states.keys()
    )
    if changed or found or fresh:
        memory, judged = _judge_values(conn, device, memory, changed, added=added, fresh=told, how=how)
        verdicts += judged
    memory, counted = follow_counters(memory, told, how.limits, now=how.now)
    booted_at = device.booted_at or 0
    memory, booted = follow_uptime(memory, told.get(_UP, ""), how.limits, booted_at=booted_at, now=how.now)
    verdicts += [each for each in (counted, booted) if each is not None]
    if told.get(_TIME):
        verdicts.append(_synchronised(memory, device, told[_TIME], how))
    if told.get(f"{_TEST}DiagnosticsState") == "Complete":
        verdicts.append(judge_report(parse_report(told.get(f"{_TEST}Results", ""))))
        memory = msgspec.structs.replace(memory, tested_at=how.now)
    memory, changes = conclude(conn, device, memory, verdicts, how)
    remember(conn, device, memory, start)
    return changes


def reads_settled(conn: Connection, device: Device, settled: Iterable[Command]) -> None:
    """Remember what the device does not know, so that it is not asked for it again under this software."""
    absent = [
        each.command_key.rpartition("-")[2]
        for each in settled
        if each.purpose == PURPOSE and each.state == "failed" and each.fault_code in _FAULTS_OF_ABSENCE
    ]
    if absent:
        device = dev.get(conn, device.id)
        start = memory_of(device.detection)
        missing = tuple(dict.fromkeys((*start.absent, *absent)))
        remember(conn, device, msgspec.structs.replace(start, absent=missing), start)


def expect_software(
    conn: Connection, device: Device, version: str, *, who: str, why: str, now: float
) -> None:
    """Take note that a device was given this software elsewhere, as by an emergency management system."""
    start = memory_of(device.detection)
    remember(conn, device, msgspec.structs.replace(start, expected=version[:64]), start)
    dev.audit(conn, who, "software expected", device.device_key, f"{version[:64]}: {why}", now=now)


def accept(conn: Connection, device: Device, number: str, *, who: str, why: str, how: Circumstances) -> bool:
    """Take what a check finds as right from now on, as a person says; False: it finds nothing.

    Kept in the audit. Of C-20 that its device does not know the time can be accepted too, since it keeps it
    from radiating. What goes on (C-10, C-11, C-14, C-20) is right until the check finds nothing once,
    or of C-11 something further away. A case that waits for the alarm's end looks for itself, by the clock.
    """
    check = CHECKS[number]
    dev.lock(conn, device.id)
    device = dev.get(conn, device.id)
    start = memory = memory_of(device.detection)
    state = memory.states.get(number)
    if state != "found" and not (state == "unknown" and number in SPEAKS_WHEN_UNKNOWN):
        return False
    replace = msgspec.structs.replace
    if number == "C-07":
        memory = replace(memory, version=device.software_version, version_at=how.now, odd_version="")
    elif number in ("C-03", "C-07h"):
        memory = replace(memory, baseline={})
    elif number == "C-12":
        memory = replace(memory, clock=None, clock_strikes=0)
    elif number == "C-13":
        memory = replace(memory, boots=())
    elif number == "C-13u":
        memory = replace(memory, uptime=None)
    elif number in ("C-09", "C-15", "C-16"):
        memory = replace(memory, deviating=(), baseline={})
    found = next((each.facts for each in known_results(conn, device.id) if each.check == number), {})
    memory, _ = conclude(conn, device, memory, [Verdict(number, "ok", f"accepted by {who}: {why}")], how)
    if number in _STANDING:
        memory = replace(memory, accepted={**memory.accepted, number: metres_of(found)})
    remember(conn, device, memory, start)
    dev.audit(conn, who, f"finding accepted: {check.title}", device.device_key, why, now=how.now)
    return True
