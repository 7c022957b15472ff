"""A steady Inform is one read and one small write, whatever else the node has learned to do with one."""

from __future__ import annotations

from sqlalchemy import Connection, event

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.remediation import Environment, default_policy_text, parse_policy
from acs.settings import Settings
from acs.southbound import transactions as tx
from acs.southbound.authentication import Proof
from acs.store import Store
from acs.store.tables import cases, commands
from tests.conftest import Clock
from tests.southbound.conftest import inform

ENV = Environment(parse_policy(default_policy_text()), lambda device, name, now: "https://acs/")
NAME = dev.certificate_name("0005B9", "A1", Settings().realm)


def opened(conn: Connection, now: float, *events: str) -> tuple[tx.Opened, list[str]]:
    """Open a session; return the statements that it took as well."""
    seen: list[str] = []

    def note(_conn, _cursor, statement, _parameters, _context, _many) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(conn, "before_cursor_execute", note)
    try:
        made = tx.open_session(
            conn,
            inform("A1", *events),
            Proof(names=(NAME,), address="192.0.2.1"),
            namespace=m.CWMP_1_2,
            settings=Settings(),
            env=ENV,
            now=now,
        )
    finally:
        event.remove(conn, "before_cursor_execute", note)
    return made, seen


async def settle(store: Store, clock: Clock) -> dev.Device:
    """Have the device known, and nothing waiting for it."""
    made, _ = await store.write(opened, clock.now)

    def act(conn: Connection) -> None:
        dev.mark_provisioned(conn, made.device.id, "1.0.0")
        conn.execute(cases.update().values(state="closed", wake_at=None))
        conn.execute(commands.update().values(state="cancelled"))

    await store.write(act)
    await store.write(opened, clock.now + 1)
    return made.device


async def test_a_steady_inform_is_one_read_and_one_small_write(store: Store, clock: Clock) -> None:
    device = await settle(store, clock)
    made, seen = await store.write(opened, clock.now + 60)
    assert made.idle
    reads = [each for each in seen if each.startswith("SELECT") and "FOR UPDATE" not in each]
    assert len(reads) == 1, seen
    assert [each.split(" SET ")[0] for each in seen if not each.startswith("SELECT")] == ["UPDATE devices"]
    # PostgreSQL locks the row first, in a statement of its own.
    assert len(seen) == (2 if store.dialect == "sqlite" else 3)
    assert await store.read(dev.idle, device.id, made.epoch)


async def test_what_an_inform_itself_makes_necessary_is_not_overlooked(store: Store, clock: Clock) -> None:
    await settle(store, clock)
    made, _ = await store.write(opened, clock.now + 60, "1 BOOT")  # the alarm list is read anew
    assert not made.idle
    assert await store.read(cm.open_commands, made.device.id)
    again, _ = await store.write(opened, clock.now + 61)
    assert not again.idle


async def test_a_batch_of_informs_tells_each_device_what_waits_for_it(store: Store, clock: Clock) -> None:
    """What one of those that share a transaction enqueues is no concern of the others."""
    await settle(store, clock)

    def both(conn: Connection) -> tuple[bool, bool]:
        other = dev.register(conn, "0005B9", "A2", now=clock.now)
        cm.enqueue(conn, other.id, m.Reboot("r"), command_key="r", purpose="t", now=clock.now)
        steady, _ = opened(conn, clock.now + 60)
        return steady.idle, dev.idle(conn, other.id, 0)

    assert await store.write(both) == (True, False)
