"""interop-and-hardening 2.9: two devices under one identity, and what only looks like it."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import alarms as al
from acs import devices as dev
from acs.cwmp import messages as m
from acs.devices.clones import Contact, History, clash, evidence, follow, is_clone
from acs.store.tables import cases
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

NOW = 1_800_000_000.0


def after(*contacts: tuple[float, Contact]) -> tuple[History, float]:
    history, at = History(), NOW
    for pause, contact in contacts:
        at += pause
        history = follow(history, contact, now=at)
    return history, at


def cloned(*contacts: tuple[float, Contact]) -> bool:
    history, at = after(*contacts)
    return is_clone(evidence(history, now=at))


A, B, C = Contact("192.0.2.1", "key-a"), Contact("198.51.100.9", "key-b"), Contact("203.0.113.7", "key-a")


def test_2_9_a_key_that_comes_back_after_another_is_a_clone():
    assert not cloned((0, A), (900, B))  # a renewed certificate at another place
    assert cloned((0, A), (900, B), (900, A))


def test_2_9_a_renewed_key_is_no_clone_however_often_it_is_renewed():
    keys = [Contact("192.0.2.1", f"key-{n}") for n in range(50)]
    assert not cloned(*((86400, each) for each in keys))


def test_2_9_a_factory_reset_that_brings_the_first_key_back_is_no_clone():
    enrolled, again = Contact("192.0.2.1", "operator-1"), Contact("192.0.2.1", "operator-2")
    reset = Contact("192.0.2.1", "factory", bootstrap=True)
    assert not cloned((0, reset), (60, enrolled), (86400, reset), (60, again), (86400, reset))
    # Somebody else who has the factory's key, and says so, takes turns with the device all the same.
    assert cloned((0, reset), (60, enrolled), (86400, reset), (60, enrolled))


def test_2_9_a_boot_time_that_goes_back_and_forth_is_a_clone():
    one, other = Contact("192.0.2.1", "k", NOW - 50_000), Contact("192.0.2.1", "k", NOW - 300_000)
    assert not cloned((0, one), (60, other))
    assert cloned((0, one), (60, other), (60, one), (60, other))


def test_2_9_reboots_and_a_clock_that_drifts_are_no_clone():
    reboots = [Contact("192.0.2.1", "k", NOW + n * 600.0) for n in range(40)]
    assert not cloned(*((600, each) for each in reboots))
    drift = [Contact("192.0.2.1", "k", NOW - 50_000 + n * 40.0) for n in range(200)]
    assert not cloned(*((900, each) for each in drift))


def test_2_9_renumbering_is_no_clone():
    addresses = [Contact(f"192.0.2.{n}", "k") for n in range(60)]
    assert not cloned(*((120, each) for each in addresses))


def test_2_9_a_pool_of_addresses_or_two_uplinks_alone_are_no_clone():
    turns = [A if n % 2 else C for n in range(100)]
    history, at = after(*((30, each) for each in turns))
    found = evidence(history, now=at)
    assert [weight for weight, _ in found] == [1]
    assert "203.0.113.7 and 192.0.2.1 take turns" in found[0][1]
    assert not is_clone(found)


def test_2_9_many_devices_behind_one_address_are_no_clone():
    assert not cloned(*((1, A) for _ in range(1000)))


def test_2_9_sessions_that_go_on_beside_a_newer_one_from_elsewhere_are_a_clone():
    history, at = after((0, A), (10, C))
    history = clash(history, Contact(A.address, A.key), now=at + 1)
    assert not is_clone(evidence(history, now=at + 1))  # once may be a race
    history = clash(history, Contact(A.address, A.key), now=at + 900)
    assert is_clone(evidence(history, now=at + 900))
    assert not is_clone(evidence(history, now=at + 900 + 2 * 86400))


def test_2_9_overlapping_informs_after_a_reboot_are_no_clone():
    """1c: overlapping Informs on one connection after Reboot or a transfer."""
    history, at = after((0, A))
    for n in range(20):
        history = clash(history, A, now=at + n)
    assert evidence(history, now=at + 20) == []


def test_2_9_a_steady_contact_changes_nothing():
    history, at = after((0, Contact("192.0.2.1", "k", NOW)))
    assert follow(history, Contact("192.0.2.1", "k", NOW + 120), now=at + 900) is history


contacts = st.builds(
    Contact,
    st.sampled_from(["a", "b", "c", ""]),
    st.sampled_from(["", "k", "l"]),
    st.none() | st.floats(0, 1e6),
)


@given(st.lists(st.tuples(st.floats(0, 1e5), contacts, st.booleans()), max_size=80))
def test_2_9_what_is_remembered_of_contacts_is_bounded(steps):
    history, at = History(), NOW
    for pause, contact, clashes in steps:
        at += pause
        history = (clash if clashes else follow)(history, contact, now=at)
        assert max(map(len, (history.addresses, history.keys, history.boots, history.clashes))) <= 12
        evidence(history, now=at)


@given(st.lists(st.tuples(st.floats(1, 1e5), st.integers(0, 255), st.booleans()), max_size=60))
def test_2_9_one_device_that_moves_renews_and_reboots_is_never_a_clone(steps):
    """One device has one key, one boot time and one place at a time, and ends a session before the next."""
    history, at, key, booted = History(), NOW, 0, NOW
    for pause, address, renewed in steps:
        at += pause
        key += renewed
        booted = at if renewed else booted
        history = follow(history, Contact(f"192.0.2.{address}", f"k{key}", booted), now=at)
        assert not is_clone(evidence(history, now=at))


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


def uptime(seconds: int) -> m.ParameterValue:
    return m.ParameterValue("Device.DeviceInfo.UpTime", str(seconds), "xsd:unsignedInt")


async def alarms(bench) -> list[al.Alarm]:
    def look(conn):
        return al.active_alarms(conn, dev.find(conn, f"{OUI}-{SERIAL}").id)

    return await bench.node.store.read(look)


async def test_2_9_two_devices_with_keys_of_their_own_are_found_and_the_alarm_opens_a_case(bench):
    one, other = bench.tls(), bench.tls()  # two keys, two certificates of one name
    for context in (one, other, one):
        async with bench.client(context) as http:
            assert (await bench.post(http, inform())).status == 200
    [alarm] = await alarms(bench)
    assert (alarm.specific_problem, alarm.perceived_severity) == ("IDENTITY_CLONED", "MAJOR")
    assert alarm.detector == "HeMS:femto.example"
    assert "a key that had been replaced is used again" in alarm.additional_text
    query = cases.select().where(cases.c.alarm_id == alarm.id)
    [case] = await bench.node.store.read(lambda conn: conn.execute(query).all())
    assert case.procedure == "P1"  # whose device it is has to be found out by people


async def test_2_9_a_copied_key_is_found_by_the_boot_times(bench):
    copied = bench.tls()
    for n in range(4):
        bench.clock[0] += 60
        async with bench.client(copied) as http:
            up = 50_000 + 60 * n if n % 2 else 900_000 + 60 * n
            assert (await bench.post(http, inform(parameters=(uptime(up),)))).status == 200
    [alarm] = await alarms(bench)
    assert "the time of its last boot goes back and forth" in alarm.additional_text


async def test_2_9_a_session_that_goes_on_beside_a_newer_one_from_another_address_is_found(bench):
    copied = bench.tls()

    def client(address: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=copied, local_addr=(address, 0))
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async with client("127.0.0.1") as one, client("127.0.0.2") as other:
        for _ in range(2):
            first = await bench.post(one, inform())
            assert (await bench.post(other, inform())).status == 200
            assert (await bench.post(one, b"", cookie=first.cookie)).status == 403
            bench.clock[0] += 70
    [alarm] = await alarms(bench)
    assert "2 sessions went on at 127.0.0.1" in alarm.additional_text


async def test_2_9_a_device_that_reboots_in_mid_session_raises_nothing(bench):
    context = bench.tls()
    for _ in range(3):
        async with bench.client(context) as http:
            first = await bench.post(http, inform())
            assert (await bench.post(http, inform(SERIAL, "1 BOOT"))).status == 200
            await bench.post(http, b"", cookie=first.cookie)
    assert await alarms(bench) == []


async def test_2_9_a_steady_inform_writes_no_history(bench):
    context = bench.tls()
    rows = []
    for n in range(3):
        bench.clock[0] += 900
        async with bench.client(context) as http:
            await bench.post(http, inform(parameters=(uptime(1000 + 900 * n),)))
        device = await bench.node.store.read(dev.find, f"{OUI}-{SERIAL}")
        rows.append(device.contacts)
    assert rows[0] == rows[1] == rows[2] != ""
    assert device.certificate_not_after > bench.clock[0]
