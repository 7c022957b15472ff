"""interop-and-hardening 2.7, 2.8: who is let in, who waits, and what is told of those who are refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import devices as dev
from acs.devices import refusals
from acs.errors import AcsError
from acs.security import Scope
from tests.cli.conftest import acs, built, data, filled  # noqa: F401 - fixtures
from tests.security.pki import CA
from tests.security.test_certificates import NAME, trusted
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench
from tests.waiting import until

KEY = f"{OUI}-{SERIAL}"
NOW = 1_800_000_000.0


@pytest.fixture
async def bench(tmp_path, request):
    async for made in make_bench(tmp_path, **getattr(request, "param", {})):
        yield made


async def status(bench, serial: str = SERIAL) -> int:
    async with bench.client(bench.tls(serial)) as http:
        return (await bench.post(http, inform(serial))).status


async def admission_of(bench, serial: str = SERIAL) -> str:
    found = await bench.node.store.read(dev.find, f"{OUI}-{serial}")
    return found.admission if found else ""


async def rule(bench, verdict: str, **facts) -> dev.AdmissionRule:
    made = await bench.node.store.write(
        dev.add_admission_rule, verdict, reason="because", who="op", now=bench.clock[0], **facts
    )
    await bench.node.southbound.endpoint.admission.refresh()
    return made


@pytest.mark.parametrize("bench", [{"admission": "approve"}], indirect=True)
async def test_an_unexpected_device_waits_until_it_is_approved(bench):
    assert await status(bench) == 403
    assert await admission_of(bench) == "pending"
    assert await status(bench) == 403
    device = await bench.node.store.read(dev.find, KEY)
    assert "127.0.0.1" in device.admission_reason
    await bench.node.store.write(dev.approve, device.id, "delivered", who="op", now=bench.clock[0])
    assert await status(bench) == 200
    assert bench.metric("acs_refused_total", reason="pending-approval") == 2


@pytest.mark.parametrize("bench", [{"admission": "approve"}, {"admission": "known"}], indirect=True)
async def test_an_expected_device_is_enrolled_at_first_contact(bench):
    expected = dev.Expected(OUI, SERIAL, "HeNB-LTE", "roof-7")
    assert await bench.node.store.write(dev.enrol, expected, who="op", now=bench.clock[0])
    assert await admission_of(bench) == "expected"
    assert await status(bench) == 200
    device = await bench.node.store.read(dev.find, KEY)
    site = await bench.node.store.read(dev.site_of, device.id)
    assert (device.admission, site) == ("allowed", "roof-7")
    assert await status(bench, "B2") == 403


@pytest.mark.parametrize("bench", [{"admission": "approve"}], indirect=True)
async def test_a_device_that_waited_and_then_stands_in_the_delivery_list_is_let_in(bench):
    assert await status(bench) == 403
    assert await bench.node.store.write(dev.enrol, dev.Expected(OUI, SERIAL), who="op", now=bench.clock[0])
    assert await status(bench) == 200


@pytest.mark.parametrize("bench", [{"admission": "known"}, {"admission": "approve"}], indirect=True)
async def test_an_allow_rule_lets_in_whom_it_is_about_and_nobody_else(bench):
    await rule(bench, "allow", oui=OUI, serial_from="A1", serial_to="A20")
    assert [await status(bench, serial) for serial in ("A1", "A9", "A20", "A21", "B2")] == [200] * 3 + [
        403
    ] * 2


async def test_a_block_rule_refuses_registered_devices_until_it_expires_or_is_removed(bench):
    assert await status(bench) == 200
    made = await rule(bench, "block", network="127.0.0.0/8", expires_at=bench.clock[0] + 100)
    assert await status(bench) == 403
    await rule(bench, "allow", oui=OUI)
    assert await status(bench) == 403  # a block rule wins
    bench.clock[0] += 101
    assert await status(bench) == 200
    again = await rule(bench, "block", product_class="HeNB-LTE")
    assert await status(bench) == 403
    for each in (made, again):
        await bench.node.store.write(dev.remove_admission_rule, each.id, who="op", now=bench.clock[0])
    await bench.node.southbound.endpoint.admission.refresh()
    assert await status(bench) == 200


async def test_2_7_who_was_refused_from_where_how_often_and_why_is_told(bench):
    await rule(bench, "block", oui=OUI)
    for _ in range(3):
        assert await status(bench) == 403
        bench.clock[0] += 10
    await bench.node.southbound.endpoint.admission.refresh()
    assert await status(bench) == 403
    await bench.node.southbound.endpoint.admission.refresh()
    [found] = await bench.node.store.read(dev.list_refusals)
    assert (found.claimed, found.address, found.reason) == (KEY, "127.0.0.1", "blocked-by-rule")
    assert (found.count, found.last_at - found.first_at) == (4, 30)
    assert f"blocks OUI {OUI}: because" in found.detail


async def test_2_7_a_handshake_that_fails_is_told_with_its_address_and_why(bench):
    stranger, late = CA("stranger"), CA("vendor")
    trusted(bench, late, Scope(ouis=(OUI,)))
    server_ca = bench.node.settings.data / "pki/server/ca.pem"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(server_ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES128-SHA:@SECLEVEL=0")  # without forward secrecy

    def shake_hands(context: ssl.SSLContext) -> None:
        address = ("127.0.0.1", bench.node.southbound.port)
        with (
            contextlib.suppress(OSError),
            socket.create_connection(address, timeout=30) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as secured,
        ):
            secured.recv(1)  # with TLS 1.3 the server's verdict comes after the handshake

    for context in (
        stranger.issue(NAME).tls(server_ca),
        late.issue(NAME, days=-0.5).tls(server_ca),
        ssl.create_default_context(),
        old,
    ):
        await asyncio.to_thread(shake_hands, context)

    async def told() -> dict[str, str]:
        await bench.node.southbound.endpoint.admission.refresh()
        found = await bench.node.store.read(dev.list_refusals)
        assert {(each.claimed, each.address) for each in found} <= {("(TLS handshake)", "127.0.0.1")}
        return {each.reason: each.detail for each in found}

    async def all_told() -> bool:
        return len(await told()) == 4

    await until(all_told)
    found = await told()
    assert found["certificate-expired"] == "its certificate is not accepted: certificate has expired"
    assert found["certificate-not-accepted"].startswith("its certificate is not accepted: ")
    assert "unknown ca" in found["acs-certificate-not-accepted"]
    assert "speaks no TLS" in found["tls-not-accepted"]


async def test_a_challenge_is_no_refusal(bench):
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, inform())).status == 401
    await bench.node.southbound.endpoint.admission.refresh()
    assert await bench.node.store.read(dev.list_refusals) == []


def made(verdict: str = "block", **facts) -> dev.AdmissionRule:
    names = ("oui", "serial_from", "serial_to", "product_class", "network", "reason", "created_by")
    return dev.AdmissionRule(
        facts.pop("id", 1),
        verdict,
        *(facts.pop(name, "") for name in names),
        1.0,
        facts.pop("expires_at", None),
    )


@pytest.mark.parametrize(
    ("facts", "serial", "address", "fits"),
    [
        ({"serial_from": "A9", "serial_to": "A100"}, "A10", "", True),
        ({"serial_from": "A9", "serial_to": "A100"}, "A101", "", False),
        ({"serial_from": "A9", "serial_to": "A100"}, "B10", "", False),
        ({"serial_from": "A9"}, "A9", "", True),
        ({"serial_from": "A9"}, "A10", "", False),
        ({"network": "10.0.0.0/8"}, "X", "10.1.2.3", True),
        ({"network": "10.0.0.0/8"}, "X", "::ffff:10.1.2.3", True),
        ({"network": "10.0.0.0/8"}, "X", "11.1.2.3", False),
        ({"network": "2001:db8::/32"}, "X", "2001:db8::1%eth0", True),
        ({"network": "10.0.0.0/8"}, "X", "local", False),
        ({"oui": "00AAAA"}, "X", "", False),
    ],
)
def test_what_a_rule_is_about(facts, serial, address, fits):
    assert made(**facts).fits(OUI, serial, "HeNB", address, now=2.0) is fits


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
def test_2_11_no_serial_number_makes_a_rule_fail(first, last, serial, address):
    each = made(serial_from=first, serial_to=last, network="10.0.0.0/8")
    assert each.fits(OUI, serial, "", address, now=1.0) in (True, False)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({}, "fits everything"),
        ({"oui": "xyz"}, "not six hexadecimal"),
        ({"serial_from": "B", "serial_to": "A"}, "are no range"),
        ({"serial_to": "A", "oui": OUI}, "are no range"),
        ({"network": "10.0.0.1/8"}, "the network is none"),
        ({"oui": OUI, "expires_at": 1.0}, "expired already"),
        ({"oui": OUI, "reason": " "}, "needs a reason"),
    ],
)
async def test_a_rule_without_sense_is_refused(store, facts, message):
    with pytest.raises(AcsError, match=message):
        await store.write(dev.add_admission_rule, "block", **{"reason": "r", **facts}, who="op", now=NOW)


def test_refusals_are_bounded_and_cleaned_in_memory():
    gathered = dev.Refusals(capacity=10)
    for number in range(1000):
        gathered.add(f"device\x1b[31m{number}", f"192.0.2.{number % 4}", "blocked", "x" * 999, now=1.0)
    found = gathered.take()
    assert len(found) == 14
    assert sum(each.count for each in found) == 1000
    assert all(each.claimed.isprintable() and len(each.detail) == 300 for each in found)
    assert gathered.take() == []


async def test_refusals_are_added_up_and_bounded_in_the_store(store, monkeypatch):
    monkeypatch.setattr(refusals, "MAX_ROWS", 100)
    one = dev.Refusal("d", "a", "r", "why", 2, 1.0, 2.0)
    await store.write(dev.note_refusals, [one])
    await store.write(dev.note_refusals, [one, dev.Refusal("d", "a", "r", "later", 5, 3.0, 9.0)])
    [found] = await store.read(dev.list_refusals)
    assert found == dev.Refusal("d", "a", "r", "later", 9, 1.0, 9.0)
    many = [dev.Refusal(f"d{n}", "a", "r", "", 1, 100.0 + n, 100.0 + n) for n in range(150)]
    await store.write(dev.note_refusals, many)
    found = await store.read(dev.list_refusals, limit=1000)
    assert len(found) == 100
    assert found[-1].claimed == "d50"


def test_a_delivery_list_is_read_whole_or_not_at_all():
    text = "OUI,serial_number,site\n0005B9,A1,roof\n0005b9,A2,\n"
    assert dev.read_expected(text, "f") == [dev.Expected(OUI, "A1", "", "roof"), dev.Expected("0005b9", "A2")]
    for bad, message in [
        ("oui;serial_number\n", "has to name the columns"),
        ("oui,serial_number,colour\n", "has to name the columns"),
        ("", "it names nothing"),
        ("oui,serial_number\nxx,A1\n", "line 2: the OUI 'xx'"),
        (f"oui,serial_number\n{OUI},\n", "line 2: a serial number"),
        (f"oui,serial_number\n{OUI},A\n{OUI},A\n", "line 3: 0005B9-A stands in the list twice"),
        (f"oui,serial_number\n{OUI},A,x\n", "line 2: it has more columns"),
    ]:
        with pytest.raises(AcsError, match=message):
            dev.read_expected(bad, "list.csv")


def test_acs_admission_and_enrolment_from_the_command_line(acs, data, tmp_path):  # noqa: F811
    path = tmp_path / "list.csv"
    path.write_text(f"oui,serial_number,product_class,site\n{OUI},E1,HeNB,roof\n{OUI},E2,HeNB,\n")
    done = acs("devices", "enrol", path, "--data", data)
    assert done.text == "2 devices are expected, 0 were known already"
    assert acs("devices", "enrol", OUI, "E1", "--data", data).text.startswith("0 devices")
    options = ("--oui", OUI, "--serial", "E1", "--serial-to", "E9", "--because", "stolen van", "--days", 2)
    assert (
        "block OUI 0005B9, serial E1 to E9 until" in acs("admission", "block", *options, "--data", data).text
    )
    told = acs("admission", "explain", f"{OUI}-E2", "--data", data, "--json").json
    assert (told["verdict"], "stolen van" in told["because"]) == ("refused", True)
    [found] = json.loads(acs("admission", "list", "--data", data, "--json").out)
    assert acs("admission", "remove", found["id"], "--data", data).code == 0
    assert (
        acs("admission", "explain", f"{OUI}-E2", "--data", data, "--json").json["because"] == "it is expected"
    )
    assert acs("admission", "remove", found["id"], "--data", data).code == 2
    done = acs("devices", "approve", f"{OUI}-E2", "--because", "x", "--data", data)
    assert "does not wait for approval" in done.text
    assert acs("devices", "refused", "--data", data, "--json").json == []
