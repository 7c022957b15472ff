"""What ended long ago is forgotten; what is open, and the audit, never."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from acs import commands as cm
from acs import devices as dev
from acs import remediation as rm
from acs.alarms import raise_alarm
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.housekeeping import Housekeeper
from acs.node import Node
from acs.remediation import load_policy
from acs.remediation.cases import change_case, open_case
from acs.settings import load_settings
from acs.store.tables import alarm_events, alarms, audit, cases, commands, journal, outbox
from tests.waiting import until

DAY = 86400.0


def fill(conn, now):
    """One closed case with a command and an alarm, one open of each."""
    device = dev.register(conn, "0005B9", f"A{now:.0f}", now=now)
    dev.audit(conn, "op", "registered", device.device_key, now=now)
    for state in ("closed", "active"):
        case = open_case(
            conn,
            device.id,
            kind="remediation",
            procedure="P2R",
            playbook="reconfiguration",
            policy=load_policy(None),
            alarm_id=None,
            because="test",
            facts={},
            now=now,
        )
        conn.execute(
            journal.insert().values(case_id=case.id, seq=1, name="note", state="done", started_at=now)
        )
        command = cm.enqueue(
            conn,
            device.id,
            m.Reboot("k"),
            command_key=f"c{case.id}",
            purpose="case",
            case_id=case.id,
            now=now,
        )
        if state == "closed":
            cm.cancel(conn, command.id, now=now)
            change_case(conn, case.id, state="closed", closed_at=now)
    for number in range(2):
        made = cm.enqueue(
            conn, device.id, m.Reboot("k"), command_key=f"o{device.id}{number}", purpose="operator", now=now
        )
        if number:
            cm.cancel(conn, made.id, now=now)
        raise_alarm(
            conn,
            device,
            identifier=f"A{number}",
            event_type="INTEGRITY_VIOLATION",
            probable_cause="INFORMATION_MISSING",
            perceived_severity="MAJOR",
            specific_problem="",
            additional_text="",
            detector="HeMS:test",
            now=now,
        )
    conn.execute(
        alarms.update()
        .where(alarms.c.alarm_identifier == "A1", alarms.c.device_id == device.id)
        .values(state="cleared", cleared_at=now)
    )
    conn.execute(
        alarm_events.insert().values(
            device_id=device.id,
            alarm_identifier="A1",
            event_time=str(now),
            notification_type="NewAlarm",
            perceived_severity="MAJOR",
            source="x",
            received_at=now,
        )
    )


def counts(conn):
    tables = (cases, journal, commands, alarms, alarm_events, outbox, audit)
    return {
        table.name: conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
    }


async def test_what_ended_before_the_retention_is_deleted_and_the_rest_stays(store, clock):
    await store.write(fill, clock.now - 40 * DAY)
    await store.write(fill, clock.now)
    before = await store.read(counts)
    assert await Housekeeper(store, 30 * DAY).tidy() > 0
    after = await store.read(counts)
    gone = {name: before[name] - after[name] for name in before}
    assert gone == {
        "cases": 1,
        "journal": 1,
        "commands": 2,
        "alarms": 1,
        "alarm_events": 1,
        "outbox": 2,
        "audit": 0,
    }
    assert await Housekeeper(store, 30 * DAY).tidy() == 0
    assert await store.read(dev.verify_audit) is None
    assert len(await store.read(rm.list_cases, state="active")) == 2


async def test_a_command_of_no_case_is_given_up_when_its_time_is_over(store, clock):
    await store.write(fill, clock.now)
    assert await Housekeeper(store, 30 * DAY).tidy() == 0
    clock.now += 8 * DAY
    assert await Housekeeper(store, 30 * DAY).tidy() == 1
    (given_up,) = await store.read(cm.list_commands, state="expired")
    assert given_up.purpose == "operator"
    assert len(await store.read(cm.list_commands, state="queued")) == 1  # that of the open case


async def test_a_failure_is_survived(store, monkeypatch):
    keeper = Housekeeper(store, DAY)
    calls = []

    async def tidy():
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("once")
        return 1

    monkeypatch.setattr(keeper, "tidy", tidy)
    monkeypatch.setattr("acs.housekeeping._PAUSE", 0)
    task = asyncio.create_task(keeper.run())
    await until(lambda: len(calls) >= 5)
    task.cancel()


async def test_a_retention_shorter_than_recurrences_count_is_refused(tmp_path):
    values = {"data": tmp_path, "port": 0, "management_port": 0, "retention_days": 0.5}
    with pytest.raises(AcsError, match=r"retention_days is 0\.5, but the policy counts"):
        await Node(load_settings(None, values, {})).start()
