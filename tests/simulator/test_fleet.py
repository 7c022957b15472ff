"""A small fleet on real sockets against a real node: provisioned, tampered with, remediated."""

from __future__ import annotations

import io
import logging
from time import time

import aiohttp
import pytest
import structlog

from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.errors import AcsError
from acs.observability import configure_logging
from acs.security import Secrets, digest
from acs.simulator import OUI, PRODUCT_CLASS, Fleet, Vendor, build_image
from acs.southbound import seal_device_password
from tests.nodes import running_fleet, running_node
from tests.releasing import release
from tests.waiting import until

PASSWORD = "the-device-password-0123"
POLICY = "extends: default\nname: test\ntimers: {session: 20, diagnostic: 20, verify: 10, retry: 0.2}\n"


@pytest.fixture
def log():
    """Collect the log of everything, as a node in production writes it but for the level."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("debug", "json", stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
async def node(tmp_path):
    async with running_node(tmp_path / "acs", Vendor(tmp_path / "vendor"), policy_text=POLICY) as node:
        yield node


@pytest.fixture
async def fleet(node, tmp_path):
    async with running_fleet(node, Vendor(tmp_path / "vendor")) as fleet:
        yield fleet


async def fill(node, fleet, tmp_path) -> None:
    """Approve an image, set the golden configuration, register the device with a password."""
    path = tmp_path / "image"
    path.write_bytes(build_image("2.0.0", PRODUCT_CLASS, fleet.vendor.image_key, size=1000))
    await release(node, fleet.vendor, path)
    sealed = seal_device_password(Secrets.load_or_create(node.settings.data), PASSWORD)

    def act(conn):
        dev.set_golden(conn, "*", [m.ParameterValue(*each) for each in golden_configuration("henb")])
        made = dev.register(conn, OUI, "PW", now=time())
        dev.set_digest_secret(conn, made.id, made.device_key, sealed)

    await node.store.write(act)


async def found(node, serial) -> dev.Device:
    return await node.store.read(lambda conn: dev.find(conn, dev.device_key(OUI, serial)))


async def provision(node, fleet) -> None:
    fleet.power_on()

    async def provisioned():
        devices = [await found(node, serial) for serial in fleet.devices]
        return all(each is not None and each.provisioned_for for each in devices)

    await until(provisioned)


async def remediated(node, serial) -> rm.Case:
    device = await found(node, serial)

    async def closed():
        cases = await node.store.read(rm.list_cases, device_id=device.id, kind="remediation")
        return [case for case in cases if case.state == "closed"]

    await until(closed)
    return (await closed())[0]


async def test_a_fleet_is_provisioned_and_remediated_and_no_secret_is_logged(log, node, fleet, tmp_path):
    await fill(node, fleet, tmp_path)
    for serial in ("A1", "A2", "A3"):
        fleet.add(serial)
    fleet.add("PW", password=PASSWORD)
    await provision(node, fleet)

    fleet.tamper("A1", "configuration-modified")
    fleet.tamper("PW", "software-modified")
    for serial, procedure in (("A1", "P2R"), ("PW", "P2S")):
        case = await remediated(node, serial)
        assert (case.procedure, case.outcome) == (procedure, "REMEDIATED")
    assert fleet.devices["A1"].henb.tampers == []
    assert fleet.devices["PW"].henb.banks.running == "2.0.0"
    assert fleet.failures() == []
    assert (fleet.statistics.failed, fleet.statistics.errors) == (0, {})
    assert fleet.statistics.downloads == 1

    text = log.getvalue()
    assert "first contact" in text
    passwords = [device.henb.connection_request_password for device in fleet.devices.values()]
    assert all(len(each) >= 16 for each in passwords)
    assert len(set(passwords)) == len(fleet.devices)
    for secret in (PASSWORD, *passwords, (node.settings.data / "master.key").read_text().strip()):
        assert secret not in text
    assert '"exception"' not in text


async def test_a_device_with_a_wrong_password_is_never_served(node, fleet, tmp_path):
    await fill(node, fleet, tmp_path)
    device = fleet.add("PW", password="not-" + PASSWORD)
    device.henb.power_on(time())
    assert not await device.session()
    assert (fleet.statistics.failed, fleet.statistics.sessions) == (1, 0)
    assert any(reason.startswith("HTTP 401") for reason in fleet.statistics.errors)
    assert device.henb.retry_count == 1


# --- connection requests ----------------------------------------------------------------


async def ask(fleet, serial: str, username: str = "", password: str = "", method: str = "GET") -> int:
    middlewares = (aiohttp.DigestAuthMiddleware(username, password),) if username else ()
    url = f"http://127.0.0.1:{fleet._port}/cr/{serial}"
    async with aiohttp.ClientSession(middlewares=middlewares) as http, http.request(method, url) as response:
        return response.status


@pytest.fixture
async def called(tmp_path):
    """A fleet of one running device that was given credentials, and no ACS at all."""
    fleet = Fleet(Vendor(tmp_path / "vendor"), "http://127.0.0.1:9/acs")
    await fleet.start()
    henb = fleet.add("A1", password="x").henb
    henb.power_on(time())
    henb.informed(henb.inform(time()))
    henb.tree.set("Device.ManagementServer.ConnectionRequestUsername", "acs")
    henb.connection_request_password = "right"
    try:
        yield fleet
    finally:
        await fleet.stop()


async def test_a_connection_request_with_the_right_credentials_is_told_to_the_acs(called):
    henb = called.devices["A1"].henb
    assert not henb.wants_to_talk
    assert await ask(called, "A1", "acs", "right") == 200
    assert henb.events == [m.Event("6 CONNECTION REQUEST")]


@pytest.mark.parametrize("credentials", [(), ("acs", "wrong"), ("other", "right"), ("acs", "")])
async def test_a_connection_request_with_wrong_credentials_is_refused(called, credentials):
    assert await ask(called, "A1", *credentials) == 401
    assert called.devices["A1"].henb.events == []


async def test_a_device_without_credentials_lets_nobody_call_it(called):
    called.devices["A1"].henb.connection_request_password = ""
    assert await ask(called, "A1", "acs", "") == 401


async def test_a_forged_nonce_and_other_schemes_are_refused(called):
    url = f"http://127.0.0.1:{called._port}/cr/A1"
    forged = digest.Nonces(b"k" * 32).make(time())
    fields = {"username": "acs", "realm": "henb", "nonce": forged, "uri": "/cr/A1", "response": "0" * 32}
    digest_header = "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items())
    async with aiohttp.ClientSession() as http:
        for header in (digest_header, "Basic YWNzOnJpZ2h0", "Bearer x", "Digest", "\x80"):
            async with http.get(url, headers={"Authorization": header}) as response:
                assert response.status == 401
                challenges = response.headers.getall("WWW-Authenticate")
                assert [each.split()[0] for each in challenges] == ["Digest", "Digest"]


async def test_who_is_not_there_or_restarting_or_asked_otherwise_does_not_answer_with_200(called):
    assert await ask(called, "nobody", "acs", "right") == 503
    assert await ask(called, "A1", "acs", "right", method="POST") == 405
    called.devices["A1"].henb.state = "restarting"
    assert await ask(called, "A1", "acs", "right") == 503


# --- what can't be ----------------------------------------------------------------------


def test_https_needs_a_ca_and_http_needs_passwords(tmp_path):
    vendor = Vendor(tmp_path / "vendor")
    with pytest.raises(AcsError, match="needs the CA of its certificate; see --ca"):
        Fleet(vendor, "https://acs.example/acs")
    with pytest.raises(AcsError, match="a device without a certificate needs a password"):
        Fleet(vendor, "http://acs.example/acs").add("A1")


async def test_an_acs_that_is_not_there_is_counted_and_tried_again(tmp_path):
    fleet = Fleet(Vendor(tmp_path / "vendor"), "http://127.0.0.1:9/acs")
    device = fleet.add("A1", password="x")
    device.henb.power_on(time())
    assert not await device.session()
    assert fleet.statistics.failed == 1
    assert device.henb.wants_to_talk
    assert not device.resting


async def test_a_file_server_that_is_not_there_is_told_as_9015(tmp_path):
    from acs.simulator.transfer import Transfer

    fleet = Fleet(Vendor(tmp_path / "vendor"), "http://127.0.0.1:9/acs")
    device = fleet.add("A1", password="x")
    device.henb.power_on(time())
    for url in ("http://127.0.0.1:9/file", "no url", "ftp://127.0.0.1/file"):
        transfer = Transfer("k", url, "1 Firmware Upgrade Image")
        device.henb.transfers.add(transfer)
        await device._download(transfer)
        assert device.henb.outgoing[-1].fault.code == 9015


def test_a_vendor_keeps_its_keys(tmp_path):
    one, other = (Vendor(tmp_path / "vendor") for _ in range(2))
    assert one.image_key.private_bytes_raw() == other.image_key.private_bytes_raw()
    assert one.authority.certificate_pem == other.authority.certificate_pem
    for name in ("image.key", "ca.key"):
        assert (tmp_path / "vendor" / name).stat().st_mode & 0o077 == 0
