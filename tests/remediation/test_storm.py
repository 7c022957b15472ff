"""A small storm over virtual time on both engines: fifty devices alarm, few are rebooted at once."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest
from sqlalchemy import select

from acs import devices as dev
from acs import remediation as rm
from acs.cli.storm import POLICY, enrol, most_at_once
from acs.cwmp import messages as m
from acs.remediation import Environment, parse_policy
from acs.settings import Settings
from acs.simulator.storm import Device, Fleet, username
from acs.southbound import transactions as tx
from acs.southbound.authentication import Proof
from acs.store.tables import alarms, cases, commands, devices, journal, outbox, safety_slots

COUNT, AT_ONCE, REBOOT = 50, 5, 30.0
NOW = 1_800_000_000.0


class Storm:
    """The devices, the clock of remediation, and the time."""

    def __init__(self, store, *, later: bool = False, procedure: str = "P2R") -> None:
        limits = f"safety: {{limits: {{fleet: {{concurrent: {AT_ONCE}}}}}, canary: {{cases: 2}}}}\n"
        policy = parse_policy(POLICY.replace("P2R", procedure) + limits)
        self.later = later
        self.store, self.now, self.settings = store, NOW, Settings()
        self.env = Environment(policy, lambda *_: "")
        fleet = Fleet(0, ssl.create_default_context(), "", REBOOT, kept=True)
        self.devices = [Device(number, fleet) for number in range(COUNT)]
        self.booting: dict[int, float] = {}

    async def session(self, device: Device) -> None:
        device.wanted.clear()
        inform = device.inform(device.events, device.values)
        device.events, device.values = [], []
        key = username(device.number)
        common = {"env": self.env, "now": self.now, "channel": "standard"}
        opened = await self.store.write(
            tx.open_session,
            inform,
            Proof(device_key=key),
            namespace=m.CWMP_1_2,
            settings=self.settings,
            later=self.later,
            **common,
        )
        message = None
        while True:
            reply = await self.store.write(
                tx.continue_session,
                opened.device.id,
                opened.epoch,
                message,
                namespace=m.CWMP_1_2,
                **common,
            )
            if reply.message is None:
                break
            message = self.received(device.answer(reply.message), reply.id)
        if device.reboot_key is not None:
            self.booting[device.number] = self.now + REBOOT

    @staticmethod
    def received(answer: m.Message, number: str):
        from acs.cwmp import decode, encode

        return decode(encode(answer, namespace=m.CWMP_1_2, header=m.Header(id=number)))

    def clock(self, conn) -> list[str]:
        """Do what the clock of remediation does; return who is called."""
        rm.give_out(conn, rules=self.env.policy.safety, system_dn=self.env.system_dn, now=self.now)
        for case_id in rm.due_cases(conn, now=self.now, limit=100):
            rm.advance(conn, case_id, env=self.env, now=self.now)
        for case_id in rm.put_off_cases(conn, limit=10):
            rm.begin_put_off(conn, case_id, env=self.env, now=self.now)
        called = dev.due_connection_requests(conn, now=self.now, limit=100)
        for each in called:
            dev.connection_request_sent(conn, each.device_id, now=self.now)
        return [dev.get(conn, each.device_id).device_key for each in called]

    async def run(self, until: float) -> None:
        by_key = {username(each.number): each for each in self.devices}
        while self.now < until and (self.booting or await self.store.read(self.left)):
            for number, at in list(self.booting.items()):
                if at <= self.now:
                    del self.booting[number]
                    device = self.devices[number]
                    key, device.reboot_key = device.reboot_key, None
                    device.booted(key)
            for key in await self.store.write(self.clock):
                by_key[key].call()
            for device in self.devices:
                if device.wanted.is_set() and device.number not in self.booting:
                    await self.session(device)
            self.now += 2

    def left(self, conn) -> bool:
        query = select(cases.c.id).where(cases.c.state != "closed").limit(1)
        return conn.execute(query).first() is not None


async def test_every_alarm_is_told_once_and_few_devices_are_rebooted_at_once(store):
    await store.write(enrol, range(COUNT), port=9, sealed=b"", now=NOW)
    storm = Storm(store)
    for device in storm.devices:
        device.alarm("NewAlarm")
        await storm.session(device)

    def look(conn):
        told = conn.execute(select(outbox.c.device_id, outbox.c.notification_type)).all()
        sent = select(commands.c.device_id).where(commands.c.method == "GetParameterValues")
        asked = set(conn.execute(sent.where(commands.c.case_id.is_not(None))).scalars())
        held = conn.execute(select(safety_slots.c.id).where(safety_slots.c.state == "held")).all()
        return told, asked, held

    told, asked, held = await store.read(look)
    assert len([each for each in told if each.notification_type == "notifyNewAlarm"]) == COUNT
    assert len(asked) == COUNT  # nobody's diagnosis waited
    assert len(held) == COUNT - 2  # for the canaries
    await storm.run(NOW + 3600)

    def counted(conn):
        found = conn.execute(select(cases)).mappings().all()
        begun = conn.execute(
            select(commands.c.case_id, commands.c.created_at).where(commands.c.method == "Reboot")
        ).all()
        told = conn.execute(select(outbox.c.device_id, outbox.c.notification_type)).all()
        slots = conn.execute(select(safety_slots.c.state)).scalars().all()
        return found, begun, told, slots

    found, begun, told, slots = await store.read(counted)
    assert [each["outcome"] for each in found] == ["REMEDIATED"] * COUNT
    assert len(begun) == COUNT
    ends = {each["id"]: each["closed_at"] for each in found}
    assert most_at_once([(each.created_at, ends[each.case_id]) for each in begun]) == AT_ONCE
    for kind in ("notifyNewAlarm", "notifyClearedAlarm"):
        of = [each.device_id for each in told if each.notification_type == kind]
        assert len(of) == len(set(of)) == COUNT
    assert set(slots) <= {"ended"}


def begun(conn) -> set[int]:
    return set(conn.execute(select(journal.c.case_id)).scalars())


async def test_alarms_are_stored_first_and_each_case_begins_when_there_is_room(store):
    await store.write(enrol, range(COUNT), port=9, sealed=b"", now=NOW)
    storm = Storm(store, later=True)
    for device in storm.devices:
        device.alarm("NewAlarm")
        await storm.session(device)

    def look(conn):
        told = conn.execute(select(outbox.c.notification_type)).scalars().all()
        treated = conn.execute(select(alarms.c.case_id)).scalars().all()
        return told, treated, begun(conn), conn.execute(select(commands.c.id)).all()

    told, treated, cases_begun, sent = await store.read(look)
    assert told == ["notifyNewAlarm"] * COUNT
    assert None not in treated  # each case is there with its alarm
    assert (cases_begun, sent) == (set(), [])
    waiting = await store.read(rm.waiting_cases, set(treated))
    assert set(waiting) == set(treated)
    storm.later = False
    await storm.run(NOW + 3600)
    found = await store.read(rm.list_cases, limit=COUNT)
    assert [each.outcome for each in found] == ["REMEDIATED"] * COUNT
    assert await store.read(rm.put_off_cases, limit=1) == []


async def test_the_most_severe_begins_first_and_one_that_comes_again_begins_at_once(store):
    await store.write(enrol, range(3), port=9, sealed=b"", now=NOW)
    storm = Storm(store, later=True)
    for number, severity in enumerate(["Minor", "Minor", "Critical"]):
        device = storm.devices[number]
        device.alarm("NewAlarm")
        device.values = [
            replace(each, value=severity) if each.name.endswith("PerceivedSeverity") else each
            for each in device.values
        ]
        await storm.session(device)
        storm.now += 1
    line = await store.read(rm.put_off_cases, limit=9)
    found = {each.id: each for each in await store.read(rm.list_cases)}
    assert [found[case_id].fact["perceived_severity"] for case_id in line] == ["CRITICAL", "MINOR", "MINOR"]
    storm.later = False
    await storm.session(storm.devices[1])
    assert await store.read(begun) == {line[2]}
    assert await store.read(rm.put_off_cases, limit=9) == line[:2]


@pytest.mark.parametrize("why", ["it is blocked at once", "it can't be called"])
async def test_what_can_not_wait_is_not_put_off(store, why):
    await store.write(enrol, range(1), port=9, sealed=b"", now=NOW)
    storm = Storm(store, later=True, procedure="P3" if why == "it is blocked at once" else "P2R")
    if why == "it can't be called":
        values = {"connection_request_result": "http timeout"}
        await store.write(lambda conn: conn.execute(devices.update().values(**values)).rowcount)
    storm.devices[0].alarm("NewAlarm")
    await storm.session(storm.devices[0])
    assert await store.read(rm.put_off_cases, limit=9) == []
    assert len(await store.read(begun)) == 1
