"""interop-and-hardening 2.14, 2.17: secrets of devices are rotated, sealed, and in no log or answer."""

from __future__ import annotations

import base64
import logging
from functools import partial

import aiohttp
import pytest

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.node import Node
from acs.security import Secrets, write_private
from acs.settings import load_settings
from acs.southbound import seal_device_password
from acs.southbound.rotation import due_for_rotation, rotate_secrets
from acs.store.tables import commands, secret_rotations
from acs.store.tables import devices as devices_table
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

KEY = f"{OUI}-{SERIAL}"
OLD = "the-password-of-old"


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


def secrets(bench) -> Secrets:
    return Secrets.load_or_create(bench.node.settings.data)


async def register(bench, *, once: bool = False) -> None:
    def act(conn):
        device = dev.register(conn, OUI, SERIAL, now=bench.clock[0])
        dev.set_digest_secret(conn, device.id, KEY, seal_device_password(secrets(bench), OLD), once=once)

    await bench.node.store.write(act)


def basic(password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(KEY, password)}


async def contact(bench, http, password: str):
    return await bench.post(http, inform(), headers=basic(password))


async def settled(bench, http) -> None:
    """Have the device known, its root too, and nothing waiting for it."""
    assert (await contact(bench, http, OLD)).status == 200

    def act(conn):
        from acs.store.tables import cases

        device = dev.find(conn, KEY)
        dev.mark_provisioned(conn, device.id, device.software_version)
        conn.execute(cases.update().values(state="closed", wake_at=None))
        conn.execute(commands.update().values(state="cancelled"))

    await bench.node.store.write(act)


async def rotate(bench) -> cm.Command:
    def act(conn):
        return rotate_secrets(conn, dev.find(conn, KEY), secrets(bench), who="op", now=bench.clock[0])

    return await bench.node.store.write(act)


async def told(bench, http, password: str) -> tuple[dict[str, str], str]:
    """Open a session and return what the SetParameterValues of the rotation says, and the cookie."""
    answer = await contact(bench, http, password)
    request = await bench.post(http, b"", cookie=answer.cookie)
    assert isinstance(request.message, m.SetParameterValues)
    values = {
        each.name.removeprefix("Device.ManagementServer."): each.value for each in request.message.parameters
    }
    return values, answer.cookie


async def works(bench, http, password: str) -> bool:
    return (await contact(bench, http, password)).status == 200


async def calls_with(bench) -> str:
    """Return the password with which the device would be called."""
    from acs.security import Sealer
    from acs.southbound.connection_requests.dispatcher import CONTEXT

    def look(conn):
        return conn.execute(devices_table.select().where(devices_table.c.device_key == KEY)).one()

    row = await bench.node.store.read(look)
    if row.connection_request_secret_sealed is None:
        return secrets(bench).connection_request_password(KEY)
    opened = Sealer(secrets(bench).store_key).open(row.connection_request_secret_sealed, CONTEXT)
    return opened.decode()


async def test_2_17_old_and_new_are_accepted_until_the_device_has_used_the_new_one(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        new = values["Password"]
        assert values["Username"] == KEY
        assert len({new, OLD, values["ConnectionRequestPassword"]}) == 3
        assert await calls_with(bench) != values["ConnectionRequestPassword"]
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await calls_with(bench) == values["ConnectionRequestPassword"]
        assert await works(bench, http, OLD)  # the answer may have come before it was written to flash
        assert await works(bench, http, new)
        assert not await works(bench, http, OLD)
        assert await works(bench, http, new)
    rows = await bench.node.store.read(lambda conn: conn.execute(secret_rotations.select()).all())
    assert rows == []


async def test_2_17_a_session_that_breaks_off_loses_neither_secret(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        first, _ = await told(bench, http, OLD)  # and the device is gone; it may have applied them
        again, cookie = await told(bench, http, first["Password"])
        assert again == first  # whatever is repeated says the same
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await calls_with(bench) == first["ConnectionRequestPassword"]
        assert not await works(bench, http, OLD)
        assert await works(bench, http, first["Password"])


async def test_2_17_a_rotation_that_is_asked_for_twice_or_expired_goes_on_with_the_same_secrets(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        command = await rotate(bench)
        assert (await rotate(bench)).id == command.id
        first, _ = await told(bench, http, OLD)
        await bench.node.store.write(cm.cancel, command.id, now=bench.clock[0])
        bench.clock[0] += 10
        assert (await rotate(bench)).id != command.id
        again, _ = await told(bench, http, first["Password"])
        assert again["ConnectionRequestPassword"] == first["ConnectionRequestPassword"]


async def test_2_17_a_device_that_refuses_keeps_the_old_secrets(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        before = await calls_with(bench)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.Fault(9003, "Invalid arguments"), cookie=cookie)
        assert not await works(bench, http, values["Password"])
        assert await works(bench, http, OLD)
        assert await calls_with(bench) == before


async def test_2_17_a_refusal_forgets_no_secret_that_the_device_may_have_got_before(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        first, _ = await told(bench, http, OLD)  # it applied them, and its answer got lost
        _, cookie = await told(bench, http, OLD)  # it has not taken up the new one yet
        await bench.post(http, m.Fault(9002, "Internal error"), cookie=cookie)
        assert await works(bench, http, OLD)
        assert await works(bench, http, first["Password"])
        assert not await works(bench, http, OLD)


async def test_2_17_a_device_that_repeats_a_secret_in_its_fault_brings_it_into_no_row(bench, caplog, capsys):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        command = await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        new = values["Password"]
        each = m.SetParameterValuesFault("Device.ManagementServer.Password", 9007, f"'{new}' is too long")
        await bench.post(http, m.Fault(9003, f"can't take {new}", (each,)), cookie=cookie)
        assert await works(bench, http, OLD)
    await bench.node.southbound.endpoint.tracer.close()

    def look(conn):
        audited = [row["detail"] for row in dev.audit_entries(conn) if row["action"] == "secrets not rotated"]
        return cm.find_command(conn, command.id), audited

    found, audited = await bench.node.store.read(look)
    assert found.fault_string == "can't take [redacted]"
    assert found.answer.parameter_faults[0].string == "'[redacted]' is too long"
    assert audited == ["can't take [redacted]"]
    out, err = capsys.readouterr()
    assert new not in caplog.text + out + err
    data = bench.node.settings.data
    content = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert new.encode() not in content


async def test_2_17_a_refused_rotation_can_be_begun_again(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        _, cookie = await told(bench, http, OLD)
        await bench.post(http, m.Fault(9002, "Internal error"), cookie=cookie)
        bench.clock[0] += 10
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await calls_with(bench) == values["ConnectionRequestPassword"]
        assert await works(bench, http, values["Password"])
        assert not await works(bench, http, OLD)


async def test_2_17_new_secrets_are_in_no_row_and_no_log_in_the_clear(bench, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        await works(bench, http, values["Password"])
    new = [values["Password"], values["ConnectionRequestPassword"]]
    out, err = capsys.readouterr()
    assert not [each for each in [*new, OLD] if each in caplog.text + out + err]
    data = bench.node.settings.data
    content = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert not [each for each in [*new, OLD] if each.encode() in content]


async def test_2_14_a_password_for_the_enrolment_is_replaced_at_first_contact(bench):
    await register(bench, once=True)
    assert await bench.node.store.read(due_for_rotation, before=None, limit=9) == []  # it has not come yet
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        [device_id] = await bench.node.store.read(due_for_rotation, before=None, limit=9)
        await rotate(bench)
        assert await bench.node.store.read(due_for_rotation, before=None, limit=9) == []
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await works(bench, http, values["Password"])
        assert not await works(bench, http, OLD)
    assert await bench.node.store.read(due_for_rotation, before=None, limit=9) == []
    assert device_id


async def test_2_17_a_factory_reset_brings_the_password_of_the_enrolment_back_once(bench):
    await register(bench)
    boot = inform(SERIAL, "0 BOOTSTRAP", "1 BOOT")

    async def reset_sent(**values) -> None:
        def act(conn):
            device = dev.find(conn, KEY)
            made = cm.enqueue(
                conn, device.id, m.FactoryReset(), command_key="reset", purpose="t", now=bench.clock[0]
            )
            conn.execute(commands.update().where(commands.c.id == made.id).values(**values))

        await bench.node.store.write(act)

    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        new = values["Password"]
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await works(bench, http, new)
        # Whoever knows the password on the label is nobody, until the ACS has sent the device back to it.
        assert (await bench.post(http, boot, headers=basic(OLD))).status == 401
        await reset_sent(state="accepted", attempts=1, sent_at=bench.clock[0])
        refused = await contact(bench, http, OLD)
        assert (refused.status, "not 0 BOOTSTRAP" in refused.text) == (403, True)
        assert await works(bench, http, new)  # it has not done it yet
        assert (await bench.post(http, b"", headers=basic(OLD))).status != 200
        bench.clock[0] += 60
        back = await bench.post(http, boot, headers=basic(OLD))
        assert back.status == 200
        assert not await works(bench, http, new)
        assert len(await bench.node.store.read(due_for_rotation, before=None, limit=9)) == 1
        await settled(bench, http)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await works(bench, http, values["Password"])
        assert (await bench.post(http, boot, headers=basic(OLD))).status == 401
    assert await bench.node.store.read(dev.verify_audit) is None


async def test_2_17_secrets_are_due_when_they_are_old_and_not_while_they_are_rotated(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        now = bench.clock[0]
        due = bench.node.store.read
        assert await due(due_for_rotation, before=now - 1, limit=9) == []
        assert len(await due(due_for_rotation, before=now + 1, limit=9)) == 1
        await rotate(bench)
        assert await due(due_for_rotation, before=now + 1, limit=9) == []
        _, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await due(due_for_rotation, before=now, limit=9) == []
        assert len(await due(due_for_rotation, before=now + 1, limit=9)) == 1


@pytest.mark.parametrize("close", [cm.expire, cm.cancel])
async def test_2_17_a_rotation_that_was_given_up_is_due_again(bench, close):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        command = await rotate(bench)
        due = partial(bench.node.store.read, due_for_rotation, before=bench.clock[0] + 1, limit=9)
        assert await due() == []
        await bench.node.store.write(close, command.id, now=bench.clock[0])
        assert len(await due()) == 1
        bench.clock[0] += 1
        assert (await rotate(bench)).id != command.id
        assert await due() == []


async def test_2_17_a_device_that_never_came_is_refused_a_rotation(bench):
    await register(bench)
    with pytest.raises(AcsError, match="has not been in contact yet"):
        await rotate(bench)


async def give(bench, password: str) -> None:
    def act(conn):
        device = dev.find(conn, KEY)
        dev.set_digest_secret(conn, device.id, KEY, seal_device_password(secrets(bench), password))

    await bench.node.store.write(act)


async def test_2_17_a_password_that_an_operator_sets_ends_what_a_rotation_made(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        values, cookie = await told(bench, http, OLD)
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        await give(bench, "given by an operator")
        assert not await works(bench, http, values["Password"])
        assert await works(bench, http, "given by an operator")


async def test_2_17_a_rotation_that_was_overtaken_fails_and_the_next_one_works(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        overtaken = await rotate(bench)
        await give(bench, "given")
        bench.clock[0] += 60
        answer = await contact(bench, http, "given")
        assert (await bench.post(http, b"", cookie=answer.cookie)).status == 204  # the session goes on
        found = await bench.node.store.read(cm.find_command, overtaken.id)
        assert (found.state, "rotate-secrets" in found.fault_string) == ("failed", True)
        await rotate(bench)
        values, cookie = await told(bench, http, "given")
        await bench.post(http, m.SetParameterValuesResponse(0), cookie=cookie)
        assert await works(bench, http, values["Password"])


async def test_2_6_while_a_rotation_waits_no_other_password_is_good(bench):
    await register(bench)
    async with bench.client(bench.anonymous()) as http:
        await settled(bench, http)
        await rotate(bench)
        for guess in ("-" * 24, "", "None", KEY):
            assert not await works(bench, http, guess)


@pytest.mark.parametrize("password", ["", "postgres", "Password1", "acs"])
async def test_2_14_a_node_refuses_to_start_with_a_database_password_that_everybody_knows(tmp_path, password):
    url = f"postgresql+asyncpg://acs:{password}@127.0.0.1:1/acs"
    node = Node(load_settings(None, {"data": tmp_path, "database": url}, {}))
    with pytest.raises(AcsError, match="the database's password"):
        await node.start()


@pytest.mark.parametrize("key", [b"", bytes(32), b"0123456789abcdef" * 2, bytes(range(32))])
async def test_2_14_a_node_refuses_to_start_with_a_known_or_empty_master_key(tmp_path, key):
    write_private(tmp_path / "master.key", base64.b64encode(key))
    with pytest.raises(AcsError, match="the master key is empty or too simple"):
        await Node(load_settings(None, {"data": tmp_path}, {})).start()
