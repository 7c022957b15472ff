"""Secrets of declared state: sealed in the store, placeholders in commands, real only in what is sent."""

import pytest
from sqlalchemy import select

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.declared import parse_layer
from acs.security import Sealer, SealError, Secrets
from acs.southbound.placeholders import fill, seal_config_secret, secrets_in
from acs.store.tables import commands
from tests.southbound.conftest import inform
from tests.southbound.test_sessions import enqueue, provisioned

NAME = "Device.ManagementServer.Password"


@pytest.fixture
def secrets(tmp_path) -> Secrets:
    return Secrets.load_or_create(tmp_path)


def request(*values: str) -> m.SetParameterValues:
    return m.SetParameterValues(
        tuple(m.ParameterValue(f"Device.X{n}", each) for n, each in enumerate(values)), "k"
    )


def test_placeholders_are_filled_and_nothing_else(secrets):
    asked = request(m.SECRET_PLACEHOLDER + "cwmp", m.CONNECTION_REQUEST_PASSWORD, m.DEVICE_KEY, "plain")
    assert secrets_in(asked) == {"cwmp"}
    sealed = {"cwmp": seal_config_secret(secrets, "cwmp", "real secret")}
    sent = [each.value for each in fill(asked, secrets, "0005B9-A1", sealed).parameters]
    assert sent == ["real secret", secrets.connection_request_password("0005B9-A1"), "0005B9-A1", "plain"]


def test_what_has_no_placeholder_is_left_as_it_is(secrets):
    for message in (request("plain"), m.Reboot("k")):
        assert fill(message, secrets, "0005B9-A1", {}) is message
        assert secrets_in(message) == frozenset()


def test_a_secret_is_bound_to_its_name(secrets):
    sealed = seal_config_secret(secrets, "cwmp", "real secret")
    with pytest.raises(SealError):
        fill(request(m.SECRET_PLACEHOLDER + "other"), secrets, "0005B9-A1", {"other": sealed})


async def test_a_device_is_given_the_password_that_an_operator_sealed(bench):
    download = m.Download(
        "op-1", "1 Firmware Upgrade Image", "https://files.example/x", "u", "their-pass-word"
    )
    sealer = Sealer(Secrets.load_or_create(bench.node.settings.data).store_key)
    async with bench.client() as http:
        answer = await bench.post(http, inform())
        [key] = await bench.node.store.read(lambda conn: [each.device_key for each in dev.listing(conn)])
        sealed = cm.seal_request(download, sealer, key, lambda _: False)

        def ask(conn):
            device = dev.find(conn, key)
            cm.enqueue(
                conn,
                device.id,
                sealed,
                command_key="op-1",
                purpose="operator",
                priority=0,
                now=bench.clock[0],
            )

        await bench.node.store.write(ask)
        answer = await bench.post(http, b"", cookie=answer.cookie)
        while answer.status == 200 and not isinstance(answer.message, m.Download):
            reply = m.response_of(type(answer.message))()
            answer = await bench.post(http, reply, cookie=answer.cookie)
    assert answer.message == download


@pytest.mark.parametrize("key", ["op-1", "", "late"])
async def test_a_device_that_repeats_a_password_as_its_transfer_fails_brings_it_into_no_row(bench, key):
    """Where the command waits for it, where it has no key, and where the command was given up meanwhile."""
    download = m.Download("op-1", "1 Firmware Upgrade Image", "https://files.example/x", "u", "their-pass")
    sealer = Sealer(Secrets.load_or_create(bench.node.settings.data).store_key)
    async with bench.client() as http:
        device = await provisioned(bench, http)
        sealed = cm.seal_request(download, sealer, device.device_key, lambda _: False)
        command = await enqueue(bench, device, sealed, key="op-1")
        cookie = (await bench.post(http, inform())).cookie
        assert (await bench.post(http, b"", cookie=cookie)).message == download
        await bench.post(http, m.DownloadResponse(1), cookie=cookie)
        if key == "late":
            await bench.node.store.write(cm.expire, command.id, now=bench.clock[0])
        fault = m.FaultStruct(9012, "u:their-pass was refused")
        ended = m.TransferComplete(key.replace("late", "op-1"), fault, m.UNKNOWN_TIME, m.UNKNOWN_TIME)
        answer = await bench.post(http, ended, cookie=cookie)
        assert answer.message == m.TransferCompleteResponse()

    def look(conn):
        found = cm.find_command(conn, command.id)
        told = [each["detail"] for each in dev.audit_entries(conn) if each["who"] == "device"]
        return [found.fault_string, str(found.answer), *told]

    texts = " ".join(await bench.node.store.read(look))
    assert "their-pass" not in texts
    assert "u:[redacted] was refused" in texts


async def test_a_device_is_given_the_secret_that_is_declared_for_it(bench):
    secrets = Secrets.load_or_create(bench.node.settings.data)
    layer = parse_layer(f"values: {{ {NAME}: {{ secret: cwmp }} }}", "x")

    def declare(conn):
        dev.set_config_secret(conn, "cwmp", seal_config_secret(secrets, "cwmp", "s3cr3t-of-theirs"), now=1.0)
        dev.set_layer(conn, "*", layer, who="me", now=1.0)

    await bench.node.store.write(declare)
    told = []
    async with bench.client() as http:
        answer = await bench.post(http, inform())
        answer = await bench.post(http, b"", cookie=answer.cookie)
        while answer.status == 200:
            told.append(answer.body)
            reply = m.response_of(type(answer.message))()
            answer = await bench.post(http, reply, cookie=answer.cookie)
    assert any(b"s3cr3t-of-theirs" in each for each in told)
    stored = await bench.node.store.read(
        lambda conn: conn.execute(select(commands.c.payload)).scalars().all()
    )
    assert not any("s3cr3t-of-theirs" in each for each in stored)
