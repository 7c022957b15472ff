"""A bench for deaths of nodes: everything real, and what must be true of a HeNB after each death."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from acs import alarms as al
from acs import devices as dev
from acs import files as fl
from acs import measures as ms
from acs import remediation as rm
from acs import subscriptions as sub
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.security import Sealer, Secrets
from acs.simulator import LAB, OUI, PRODUCT_CLASS, Fleet, Vendor, build_image
from acs.simulator.operator_network import OperatorNetwork
from acs.store import Store
from acs.store.tables import alarm_events, command_is_open, commands, deliveries, outbox
from tests.measures.standins import make_known
from tests.model.lives import Cradle, Door, Manager, Mortal, share_identity
from tests.model.story import type_2_of
from tests.waiting import until

POLICY = """
extends: default
name: deaths
limits: {tries: 9}
timers: {session: 200, diagnostic: 200, reboot: 200, factory_reset: 200, download: 200, retry: 0.3}
provisioning: {periodic_inform_interval: 14400}
evidence: {files: []}
measures:
  rules:
    - {when: FATAL, measures: [SEGW_BLOCK, GATEWAY_BLOCK, SUBSCRIBER_REPLACE], because: nobody may let it in}
"""
ENVIRONMENT = {
    "ACS_MEASURE_NETWORKS": "127.0.0.0/8,::1/128",
    "ACS_CONNECTION_REQUEST_NETWORKS": "127.0.0.0/8",
    "ACS_DELIVERY_LONGEST_WAIT": "0.2",
    "ACS_DRAIN_TIMEOUT": "0.2",
}
_LOT = 13  # HeNBs that are switched on together
_PATIENCE = 60.0  # seconds; a death makes both sides wait before they try again
_ONCE = ("Reboot", "FactoryReset", "Download", "Upload", "AddObject", "DeleteObject")
_NUMBER = re.compile(r"\b(case|measure) \d+\b")


@dataclass(frozen=True)
class Story:
    """What is left of one HeNB's way through a scene; no death may change it."""

    cases: tuple[tuple[str, ...], ...]
    rungs: tuple[str, ...]
    told: tuple[tuple[str, ...], ...]
    executed: dict[str, int]
    measures: tuple[tuple[str, str, str], ...]
    letters: tuple[str, ...]
    blocked: bool


class Bench:
    """One node, or two behind one door, with all that is around them; ``mortal`` is the one that dies."""

    def __init__(self, folder: Path, database: str, acknowledged: dict[str, list[Any]]) -> None:
        self.folder, self._database, self._acknowledged = folder, database, acknowledged
        self.vendor = Vendor(folder / "vendor")
        self.cradle = Cradle()
        self.manager = Manager(folder / "manager")
        self.network = OperatorNetwork(folder / "network", self.vendor.ca_path)
        self.door = Door()
        self.store: Store
        self.fleet: Fleet
        self._stack = AsyncExitStack()
        self._spare: list[str] = []
        self._added = 0

    @property
    def mortal(self) -> Mortal:
        return self.door.nodes[0]

    @property
    def alone(self) -> bool:
        return len(self.door.nodes) == 1

    async def start(self) -> None:
        await self.door.start()
        self._stack.push_async_callback(self.door.stop)
        await self.cradle.start()
        self._stack.push_async_callback(self.cradle.stop)
        await self._start_node("one")
        if self._database:
            await self._start_node("two")
        data = self.mortal.data
        url = self._database or f"sqlite:///{(data / 'acs.db').absolute()}"
        self.store = await Store.open(url, clock=time.time)
        self._stack.push_async_callback(self.store.close)
        await self.manager.start()
        self._stack.push_async_callback(self.manager.stop)
        await self.network.start()
        self._stack.push_async_callback(self.network.stop)
        await self._fill(Sealer(Secrets.load_or_create(data).store_key))
        url = f"https://localhost:{self.door.port}/acs"
        self.fleet = Fleet(self.vendor, url, server_ca=self.mortal.ca_path, pace=LAB, timeout=20)
        await self.fleet.start()
        self._stack.push_async_callback(self.fleet.stop)

    async def _start_node(self, name: str) -> None:
        data = self.folder / name
        if self.door.nodes:
            share_identity(self.mortal.data, data)
        self.vendor.trusted_in(data / "pki" / "device-ca.d")
        policy = self.folder / "policy.yaml"
        policy.write_text(POLICY)
        options = ("--policy", str(policy), *(("--database", self._database) if self._database else ()))
        environment = {**ENVIRONMENT, "ACS_URL": f"https://localhost:{self.door.port}"}
        node = Mortal(self.cradle, data, options, environment)
        await node.start()
        self._stack.push_async_callback(node.stop)
        self.door.nodes.append(node)

    async def _fill(self, sealer: Sealer) -> None:
        """Make known what is around: golden configuration, image, manager, the operator's network."""

        def fill(conn: Connection) -> None:
            values = [m.ParameterValue(*each) for each in golden_configuration("henb")]
            dev.set_golden(conn, f"class:{PRODUCT_CLASS}", values)
            wanted, ca = sub.Filter(), self.manager.ca
            given = {"sealer": sealer, "who": "test", "owner": "test", "ca": ca, "now": time.time()}
            sub.add_subscription(conn, self.manager.url, wanted, **given)

        await self.store.write(fill)
        await make_known(self.store, self.network, sealer)
        image = self.folder / "image"
        image.write_bytes(build_image("2.0.0", PRODUCT_CLASS, self.vendor.image_key, size=1000))
        for node in self.door.nodes:
            signers, storage = fl.TrustedSigners(node.data), fl.DiskStorage(node.data)
            signers.trust("vendor", self.vendor.image_signer, "the vendor's key")
            if node is not self.mortal:
                await fl.take_in(storage, image)
                continue
            await fl.enter_file(
                *(self.store, storage, signers, image),
                name="image",
                file_type=fl.FIRMWARE,
                version="2.0.0",
                product_class=PRODUCT_CLASS,
                signature=self.vendor.sign_image(image.read_bytes()),
                who="one",
            )
        await self.store.write(fl.approve_file, "image", who="another", now=time.time())

    async def stop(self) -> None:
        await self._stack.aclose()

    # --- HeNBs --------------------------------------------------------------------------

    async def henb(self) -> str:
        """Return the serial number of a HeNB that is provisioned and has nothing to do."""
        if not self._spare:
            serials = [f"K{self._added + number:04}" for number in range(_LOT)]
            self._added += _LOT
            for serial in serials:
                self.fleet.add(serial)
            self.fleet.power_on(serials)
            for serial in serials:
                await until(partial(self.store.read, self._provisioned, serial), seconds=_PATIENCE)
            for serial in serials:
                await self.rests(serial)
            self._spare = serials
        return self._spare.pop(0)

    def _provisioned(self, conn: Connection, serial: str) -> bool:
        device = dev.find(conn, dev.device_key(OUI, serial))
        return device is not None and bool(device.provisioned_for)

    async def _rests(self, serial: str) -> bool:
        device = self.fleet.devices[serial]
        resting = device.resting or device.henb.state == "off" or await self.store.read(_blocked, serial)
        return resting and await self.store.read(_idle, serial)

    async def rests(self, serial: str) -> None:
        """Wait until nothing more is to be done about a HeNB, by itself or by anybody else."""
        await until(partial(self._rests, serial), seconds=_PATIENCE)

    def hurry(self, serial: str) -> None:
        """Have a HeNB come again at once; whoever waits for many lives would wait for minutes."""
        device = self.fleet.devices[serial]
        device.henb.retry_count, device.henb._retry_at = 0, 0.0
        device.wake()

    async def noticed(self, serial: str) -> None:
        """Wait until a HeNB that was tampered with has its case."""
        await until(partial(self.store.read, _cases, serial), seconds=_PATIENCE)

    async def over(self, serial: str) -> None:
        """Wait until the node is dead, or has nothing more to do for a HeNB that was tampered with."""

        async def dead_or_done() -> bool:
            if not self.mortal.alive:
                return True
            if not await self.store.read(_cases, serial) or not await self._rests(serial):
                return False
            await asyncio.sleep(0.1)  # one that is about to die after its last commit
            return True

        await until(dead_or_done, seconds=_PATIENCE)

    async def story(self, serial: str) -> Story:
        """Return what became of a HeNB. Raises ``AssertionError`` where anything was lost or done twice."""
        key = dev.device_key(OUI, serial)
        executed = Counter(
            (each.method, each.command_key) for each in self.fleet.devices[serial].henb.executed
        )
        resets = await self.store.read(_resets, serial)
        for (method, command_key), count in executed.items():
            allowed = resets if method == "FactoryReset" else 1  # it has no CommandKey (TR-069 A.4.1.4)
            assert method not in _ONCE or count <= allowed, f"{method} {command_key}: {count} times"
        await self.store.read(self._nothing_lost, serial)
        letters = tuple(each.operation for each in self.network.subscribers.letters if each.device_key == key)
        counts = Counter(method for method, _ in executed.elements() if method in _ONCE)
        return await self.store.read(_story, serial, dict(counts), letters)

    def _nothing_lost(self, conn: Connection, serial: str) -> None:
        """See that all that was acknowledged is kept, and all that is to be told was told, in order."""
        device_id, key = _id(conn, serial), dev.device_key(OUI, serial)
        rows = conn.execute(select(alarm_events).where(alarm_events.c.device_id == device_id)).all()
        kept = {(row.alarm_identifier, row.event_time, row.notification_type) for row in rows}
        for inform in self._acknowledged[serial]:
            for each in al.extract(inform.parameters).events:
                assert (each.alarm_identifier, each.event_time, each.notification_type) in kept, each
        mine = select(outbox).where(outbox.c.device_id == device_id).order_by(outbox.c.id)
        told = conn.execute(mine).all()
        assert self.manager.told(key) == [row.id for row in told]
        active, ended = type_2_of([msgspec.json.decode(row.body) for row in told])
        standing = al.list_alarms(conn, device_id=device_id, state="active", limit=1000)
        assert active == {f"{key}:{each.alarm_identifier}" for each in standing}
        closed = [case for case in _cases(conn, serial) if case.state == "closed"]
        assert ended == {case.id: case.outcome for case in closed}


def _id(conn: Connection, serial: str) -> int:
    device = dev.find(conn, dev.device_key(OUI, serial))
    assert device is not None
    return device.id


def _blocked(conn: Connection, serial: str) -> bool:
    device = dev.find(conn, dev.device_key(OUI, serial))
    return device is not None and device.blocked


def _cases(conn: Connection, serial: str) -> list[rm.Case]:
    return rm.list_cases(conn, device_id=_id(conn, serial), kind="remediation")[::-1]


def _resets(conn: Connection, serial: str) -> int:
    sent = commands.c.method == "FactoryReset", commands.c.attempts > 0
    query = select(func.count()).where(commands.c.device_id == _id(conn, serial), *sent)
    return conn.execute(query).scalar_one()


def _idle(conn: Connection, serial: str) -> bool:
    """Tell whether nothing waits: no case at work, no command, nothing to be told, no measure."""
    number = _id(conn, serial)
    for query in (
        select(commands.c.id).where(commands.c.device_id == number, command_is_open),
        select(deliveries.c.outbox_id).where(deliveries.c.device_id == number),
    ):
        if conn.execute(query.limit(1)).first() is not None:
            return False
    at_work = [case for case in rm.list_cases(conn, device_id=number) if case.state == "active"]
    return not at_work and not ms.list_measures(conn, device_id=number, state="waiting")


def _story(conn: Connection, serial: str, executed: dict[str, int], letters: tuple[str, ...]) -> Story:
    number = _id(conn, serial)
    found = _cases(conn, serial)
    query = select(outbox).where(outbox.c.device_id == number).order_by(outbox.c.id)
    bodies = [msgspec.json.decode(row.body) for row in conn.execute(query)]
    journals = [step for case in found for step in rm.journal_of(conn, case.id)]
    rungs = [step.detail for step in journals if step.detail.startswith("rung: ")]
    taken = ms.list_measures(conn, device_id=number)[::-1]
    return Story(
        cases=tuple((case.procedure, case.state, case.outcome) for case in found),
        rungs=tuple(dict.fromkeys(rungs)),
        told=tuple(
            sorted(
                (
                    each["notificationType"],
                    str(each.get("specificProblem", "")),
                    _NUMBER.sub(r"\1", str(each.get("commentText", ""))),
                )
                for each in bodies
            )
        ),
        executed=executed,
        measures=tuple((each.target, each.measure, each.state) for each in taken),
        letters=letters,
        blocked=_blocked(conn, serial),
    )
