"""Lightweight notifications on a real socket: applied when verified, else counted and no more."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from sqlalchemy import insert

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.cwmp.lightweight import Notification, build_notification
from acs.security import Secrets
from acs.southbound import seal_device_password
from acs.store.tables import secret_rotations
from tests.southbound.conftest import make_bench
from tests.waiting import until

KEY, PASSWORD, NAME = "0005B9-A1", "the-password-of-a1", "Device.DeviceInfo.UpTime"


@pytest.fixture
async def node(tmp_path):
    async for made in make_bench(tmp_path, notification_port=0):
        yield made


@pytest.fixture
async def device(node) -> dev.Device:
    secrets = Secrets.load_or_create(node.node.settings.data)

    def act(conn):
        made = dev.register(conn, "0005B9", "A1", now=node.clock[0])
        dev.set_digest_secret(conn, made.id, KEY, seal_device_password(secrets, PASSWORD))
        dev.save_parameters(conn, made.id, [m.ParameterValue(NAME, "1", "xsd:unsignedInt")], now=1)
        other = dev.register(conn, "0005B9", "B2", now=node.clock[0])
        dev.set_digest_secret(conn, other.id, "0005B9-B2", seal_device_password(secrets, PASSWORD))
        return made

    return await node.node.store.write(act)


def told(node, *values: tuple[str, str], **facts) -> Notification:
    parameters = tuple(m.ParameterValue(name, value, "") for name, value in values or ((NAME, "99"),))
    made = Notification(int(node.clock[0]), KEY, "c1", "0005B9", "HeNB", "A1", parameters)
    return replace(made, **facts)


async def send(node, data: bytes, result: str, count: int = 1) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(data, ("127.0.0.1", node.node.notification_port))

    async def counted():
        return node.metric("acs_lightweight_notifications_total", result=result) >= count

    await until(counted)


async def value(node, device) -> m.ParameterValue:
    return (await node.node.store.read(dev.parameters_of, device.id, NAME))[NAME]


def signed(notification: Notification, password: str = PASSWORD) -> bytes:
    return build_notification(notification, password, host="acs.example")


async def test_a_verified_notification_changes_the_parameter_and_keeps_its_type(node, device):
    await send(node, signed(told(node)), "applied")
    assert await value(node, device) == m.ParameterValue(NAME, "99", "xsd:unsignedInt")


@pytest.mark.parametrize(
    "forge",
    [
        lambda node: signed(told(node), "another password"),
        lambda node: signed(told(node), ""),
        lambda node: signed(told(node)).replace(b">99<", b">98<"),
        lambda node: signed(told(node, username="0005B9-B2")),  # another's right password
        lambda node: signed(told(node, username="nobody")),
    ],
)
async def test_an_unverified_one_changes_nothing_and_is_counted_and_audited_once(node, device, forge):
    await send(node, forge(node), "unverified")
    await send(node, forge(node), "unverified", 2)
    assert (await value(node, device)).value == "1"

    def entries(conn):
        query = (
            "SELECT count(*) FROM audit WHERE action = 'notification not verified' AND target = '0005B9-A1'"
        )
        return conn.exec_driver_sql(query).scalar()

    assert await node.node.store.read(entries) == 1


async def test_strangers_do_not_fill_the_audit(node, device):
    await send(node, signed(told(node, serial_number="Z9", username="0005B9-Z9")), "unverified")
    query = "SELECT count(*) FROM audit WHERE target = '0005B9-Z9'"
    assert await node.node.store.read(lambda conn: conn.exec_driver_sql(query).scalar()) == 0


async def test_what_was_told_once_is_not_believed_again_and_time_does_not_go_backwards(node, device):
    first = signed(told(node, (NAME, "10")))
    await send(node, first, "applied")
    await send(node, signed(told(node, (NAME, "11"), cnonce="c2")), "applied", 2)
    await send(node, first, "replayed")
    earlier = told(node, (NAME, "12"), cnonce="c3", ts=int(node.clock[0]) - 1)
    await send(node, signed(earlier), "replayed", 2)
    for number, drift in enumerate((-1000, 1000), 3):
        away = told(node, (NAME, "13"), cnonce="c4", ts=int(node.clock[0]) + drift)
        await send(node, signed(away), "replayed", number)
    assert (await value(node, device)).value == "11"


async def test_a_blocked_device_tells_nothing(node, device):
    await node.node.store.write(dev.block, device.id, "why", who="operator", now=node.clock[0])
    await send(node, signed(told(node)), "replayed")
    assert (await value(node, device)).value == "1"


async def test_news_of_alarms_is_a_reason_to_read_the_list_once(node, device):
    row = "Device.FaultMgmt.ExpeditedEvent.1.EventTime"
    await send(node, signed(told(node, (row, "x"))), "applied")
    await send(node, signed(told(node, (row, "y"), cnonce="c2")), "applied", 2)
    commands = await node.node.store.read(cm.open_commands, device.id)
    assert [each.method for each in commands] == ["GetParameterValues"]
    assert await node.node.store.read(dev.parameters_of, device.id, "Device.FaultMgmt.") == {}


async def test_a_new_address_is_used_at_once(node, device):
    where = "Device.ManagementServer.UDPConnectionRequestAddress"
    await send(node, signed(told(node, (where, "192.0.2.1:5000"))), "applied")
    found = await node.node.store.read(dev.get, device.id)
    assert found.udp_connection_request_address == "192.0.2.1:5000"


async def test_nonsense_is_counted(node):
    await send(node, b"nonsense", "malformed")
    await send(node, b"x" * 20_000, "too-large")


async def test_while_secrets_are_rotated_the_old_and_the_new_password_sign(node, device):
    secrets = Secrets.load_or_create(node.node.settings.data)

    def rotate(conn):
        new = seal_device_password(secrets, "the-new-password")
        row = {"device_id": device.id, "command_key": "k", "digest_sealed": new, "started_at": node.clock[0]}
        conn.execute(insert(secret_rotations).values(**row))

    await node.node.store.write(rotate)
    await send(node, signed(told(node, (NAME, "5"))), "applied")
    await send(node, signed(told(node, (NAME, "6"), cnonce="c2"), "the-new-password"), "applied", 2)
    await send(node, signed(told(node, (NAME, "7"), cnonce="c3"), "a third"), "unverified")
    assert (await value(node, device)).value == "6"
