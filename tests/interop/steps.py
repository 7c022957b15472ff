"""What many conversations need: a provisioned device, a command, its state afterwards."""

from __future__ import annotations

import secrets

from sqlalchemy import select, update

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import Secrets
from acs.southbound import seal_device_password
from acs.store.tables import cases, commands, devices
from tests.southbound.conftest import OUI, SERIAL, inform

PASSWORD = "correct horse battery"
USER = f"{OUI}-{SERIAL}"


async def provisioned(bench, http, *, serial: str = SERIAL):
    """Have the device registered, with nothing waiting for it; return it."""
    await bench.post(http, inform(serial))
    return await settled(bench, f"{OUI}-{serial}")


async def settled(bench, key: str):
    """Mark the device as provisioned and drop what waits for it; return it."""

    def act(conn):
        device = dev.find(conn, key)
        dev.mark_provisioned(conn, device.id, device.software_version)
        conn.execute(update(cases).where(cases.c.device_id == device.id).values(state="closed", wake_at=None))
        conn.execute(update(commands).where(commands.c.device_id == device.id).values(state="cancelled"))
        conn.execute(update(devices).where(devices.c.id == device.id).values(connection_request_at=None))
        return device

    return await bench.node.store.write(act)


async def enqueue(bench, device, message: m.Message, key: str = ""):
    """Queue an operator's command."""
    return await bench.node.store.write(
        cm.enqueue,
        device.id,
        message,
        command_key=key or secrets.token_hex(4),
        purpose="operator",
        now=bench.clock[0],
    )


async def found(bench, command):
    """Return the command as it stands in the store."""
    return await bench.node.store.read(cm.find_command, command.id)


async def with_password(bench, password: str = PASSWORD) -> None:
    """Register the bench's device with a password for HTTP Digest."""

    def act(conn):
        made = dev.find(conn, USER) or dev.register(conn, OUI, SERIAL, now=bench.clock[0])
        sealed = seal_device_password(Secrets.load_or_create(bench.node.settings.data), password)
        dev.set_digest_secret(conn, made.id, made.device_key, sealed)

    await bench.node.store.write(act)


async def count(bench, table) -> int:
    """Return how many rows a table has."""
    return await bench.node.store.read(lambda conn: len(conn.execute(select(table)).all()))
