"""Hostile and unlucky sessions: repeated POSTs, borrowed identities, headers that are no text."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, func, select

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.security import digest
from acs.southbound import transactions as tx
from acs.southbound.authentication import Refused
from acs.southbound.connection_requests import CallError, Dispatcher, Guard
from acs.southbound.connection_requests.http import check_url
from acs.store import Store
from acs.store.tables import audit
from tests.conftest import Clock
from tests.sessions import arrive, post
from tests.southbound.conftest import Bench, inform


def number(reply: tx.Reply) -> int:
    return int(reply.id.removeprefix("acs-"))


async def test_an_answer_that_comes_twice_is_not_taken_for_that_to_the_next_command(
    store: Store, clock: Clock
) -> None:
    opened = await arrive(store, inform("A1"))

    def queue(conn: Connection) -> None:
        for number in (1, 2):
            request = m.SetParameterValues((m.ParameterValue("Device.X", str(number)),), "")
            key = f"k{number}"
            cm.enqueue(
                conn,
                opened.device.id,
                request,
                command_key=key,
                purpose="operator",
                priority=0,
                now=clock.now,
            )

    await store.write(queue)
    first = await post(store, opened, None)
    done = m.SetParameterValuesResponse(0)
    second = await post(store, opened, done, first.id)
    again = await post(store, opened, done, first.id)  # the answer to the POST before was lost
    assert (again.id, again.message) == (second.id, second.message)
    assert (await store.read(cm.find_command, number(second))).state == "sent"
    await post(store, opened, done, second.id)
    assert (await store.read(cm.find_command, number(second))).state == "succeeded"


async def test_a_device_that_bears_the_first_id_for_ever_comes_to_an_end(store: Store, clock: Clock) -> None:
    opened = await arrive(store, inform("A1"))
    reply = first = await post(store, opened, None)
    answer = m.GetParameterValuesResponse(())
    for _ in range(200):
        if reply.message is None:
            break
        same = isinstance(reply.message, m.GetParameterValues)
        reply = await post(store, opened, answer if same else m.Fault(9001, "no"), first.id)
    assert reply.message is None


@pytest.mark.parametrize(
    "id_", ["", "1", "17", "acs-", "acs-\N{ARABIC-INDIC DIGIT THREE}", "x" * 300, "9" * 40]
)
async def test_a_device_that_does_not_echo_the_id_is_understood(store: Store, clock: Clock, id_: str) -> None:
    opened = await arrive(store, inform("A1"))
    request = m.GetParameterValues(("Device.X",))
    await store.write(
        cm.enqueue,
        opened.device.id,
        request,
        command_key="k",
        purpose="operator",
        priority=0,
        now=clock.now,
    )
    first = await post(store, opened, None)
    await post(store, opened, m.GetParameterValuesResponse((m.ParameterValue("Device.X", "1"),)), id_)
    assert (await store.read(cm.find_command, number(first))).state == "succeeded"


async def test_a_serial_number_that_differs_in_case_alone_is_no_second_device_of_one_certificate(
    store: Store, clock: Clock
) -> None:
    await arrive(store, inform("A1"))
    with pytest.raises(Refused) as refused:
        await arrive(store, inform("a1"))
    assert refused.value.reason == "identity-of-another"
    await store.write(dev.register, "0005B9", "a1", now=clock.now)  # known by its password
    with pytest.raises(Refused) as refused:
        await arrive(store, inform("a1"))
    assert refused.value.reason == "identity-of-another"


async def test_a_device_that_asks_for_downloads_without_end_fills_no_audit(
    store: Store, clock: Clock
) -> None:
    opened = await arrive(store, inform("A1"))
    counted = select(func.count()).select_from(audit).where(audit.c.action == "RequestDownload")
    for _ in range(50):
        await post(store, opened, m.RequestDownload("1 Firmware Upgrade Image"))
    assert await store.read(lambda conn: conn.execute(counted).scalar_one()) == 1
    clock.now += 4000
    await post(store, opened, m.RequestDownload("1 Firmware Upgrade Image"))
    assert await store.read(lambda conn: conn.execute(counted).scalar_one()) == 2
    assert await store.read(dev.verify_audit) is None


@pytest.mark.parametrize(
    "header",
    [
        'Digest username="\udcff", nonce="x", response="y"',
        'Digest username="a\x00b"',
        "Basic AGE6Yg==",  # NUL in the user name
    ],
)
def test_credentials_that_are_no_text_are_no_credentials(header: str) -> None:
    assert digest.parse(header) is None


async def test_bytes_that_are_no_text_in_the_header_are_challenged_not_an_error(
    bench: Bench,
) -> None:
    async with bench.client(bench.anonymous()) as http:
        header = {"Authorization": 'Digest username="\udcff", realm="r", nonce="n", uri="/", response="0"'}
        answer = await bench.post(http, inform(), headers=header)
    assert answer.status == 401
    assert bench.metric("acs_posts_total", result="error") == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://\N{FULLWIDTH DIGIT ONE}27.0.0.1:7548/",
        "http://127\N{IDEOGRAPHIC FULL STOP}0.0.1/",
        "http://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://user@192.0.2.1/",
        "http:///x",
    ],
)
async def test_no_spelling_of_an_address_gets_around_the_check(url: str) -> None:
    guard = Guard()

    async def check() -> None:
        parts = check_url(url)
        await guard.resolve(parts.raw_host or "", parts.port or 0)

    with pytest.raises(CallError):
        await check()
    guard.close()


async def test_one_secret_that_can_not_be_opened_keeps_no_other_device_from_being_called(
    bench: Bench,
) -> None:
    store, now = bench.node.store, bench.clock[0]

    def prepare(conn: Connection) -> int:
        device = dev.register(conn, "0005B9", "A9", now=now)
        dev.set_connection_request_secret(conn, device.id, "u", b"sealed under another key")
        conn.exec_driver_sql("UPDATE devices SET connection_request_url = 'http://127.0.0.1:1/'")
        request = m.GetParameterValues(("Device.X",))
        cm.enqueue(conn, device.id, request, command_key="k", purpose="operator", now=now - 10)
        return device.id

    device_id = await store.write(prepare)
    secrets = bench.node.southbound.endpoint._secrets
    dispatcher = Dispatcher(store, secrets, bench.node.metrics, [])
    await dispatcher.begin_due()
    await dispatcher.settled()
    device = await store.read(dev.get, device_id)
    assert device.connection_request_error
    assert device.connection_request_at > now


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_compressed_as_it_says_is_refused_not_an_error(
    bench: Bench,
    encoding: str,
) -> None:
    async with bench.client() as http:
        answer = await bench.post(http, b"nonsense" * 20, headers={"Content-Encoding": encoding})
    assert answer.status == 400
    assert bench.metric("acs_posts_total", result="error") == 0


async def test_a_device_that_keeps_its_old_cookie_is_in_the_session_of_its_connection(
    bench: Bench,
) -> None:
    async with bench.client() as http:
        old = await bench.post(http, inform())
        new = await bench.post(http, inform(), cookie=old.cookie)
        assert (await bench.post(http, b"", cookie=old.cookie)).status == 200
    async with bench.client() as http:  # on another connection the cookies alone tell
        assert (await bench.post(http, b"", cookie=f"{old.cookie}; {new.cookie}")).status in (200, 204)
        assert (await bench.post(http, b"", cookie=old.cookie)).status == 403
