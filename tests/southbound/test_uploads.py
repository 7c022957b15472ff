"""Taking in files of devices: PUT and POST, once for a complete body, streamed, within quotas."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import ssl

import aiohttp
import pytest

from acs import devices as dev
from acs import files as fl
from tests.southbound.conftest import SERIAL, make_bench
from tests.waiting import until

LOG = "4 Vendor Log File 1"
CONTENT = bytes(range(256)) * 4000  # several pieces


@pytest.fixture
async def device(bench):
    return await bench.node.store.write(dev.register, "0005B9", SERIAL, now=bench.clock[0])


@pytest.fixture
def url(bench, device):
    return bench.node.env.upload_url(device.id, LOG, "c1-2", bench.clock[0])


async def register(bench, *serials: str) -> list[dev.Device]:
    write, now = bench.node.store.write, bench.clock[0]
    return [await write(dev.register, "0005B9", serial, now=now) for serial in serials]


async def uploads(bench) -> list[fl.Upload]:
    return await bench.node.store.read(fl.list_uploads)


def stored_files(bench) -> list[bytes]:
    root = bench.node.settings.data / "uploads"
    return [path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()]


async def send(http, url, data=CONTENT, *, method="PUT", **options) -> tuple[int, str]:
    async with http.request(method, url, data=data, **options) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(("method", "status"), [("PUT", 201), ("POST", 200)])
async def test_a_plain_body_is_stored_with_its_digest(bench, url, device, method, status):
    async with bench.client() as http:
        assert await send(http, f"{url}/log.txt", method=method) == (status, "")
    (found,) = await uploads(bench)
    assert (found.device_key, found.kind, found.command_key) == (device.device_key, LOG, "c1-2")
    assert (found.state, found.size, found.name) == ("stored", len(CONTENT), "log.txt")
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored_files(bench) == [CONTENT]
    path = bench.node.storage.path(found.storage_key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert bench.metric("acs_files_served_total", result="received") == 1


async def test_a_form_is_unwrapped(bench, url):
    form = aiohttp.FormData()
    form.add_field("comment", "x" * 100)
    form.add_field("file", CONTENT, filename="../../etc/passwd", content_type="text/plain")
    async with bench.client() as http:
        assert await send(http, url, form, method="POST") == (200, "")
    assert stored_files(bench) == [CONTENT]


async def test_a_chunked_and_a_packed_body_are_stored_as_what_they_mean(bench, device):
    async def pieces():
        for start in range(0, len(CONTENT), 100_000):
            yield CONTENT[start : start + 100_000]

    async with bench.client() as http:
        first = bench.node.env.upload_url(device.id, LOG, "k1", bench.clock[0])
        assert (await send(http, first, pieces()))[0] == 201
        second = bench.node.env.upload_url(device.id, LOG, "k2", bench.clock[0])
        packed = gzip.compress(CONTENT)
        assert (await send(http, second, packed, headers={"Content-Encoding": "gzip"}))[0] == 201
    assert stored_files(bench) == [CONTENT, CONTENT]


async def test_an_empty_file_is_a_file(bench, url):
    async with bench.client() as http:
        assert (await send(http, url, b""))[0] == 201
        assert [each.size for each in await uploads(bench)] == [0]
        # Nothing may have been the answer to a challenge that did not come: the file itself still may.
        assert (await send(http, url))[0] == 201
        assert (await send(http, url))[0] == 410
    (found,) = await uploads(bench)
    assert (found.size, found.attempt, found.state) == (len(CONTENT), 2, "stored")


async def test_a_part_of_a_file_is_not_taken_for_the_whole(bench, url):
    async with bench.client() as http:
        status, text = await send(http, url, b"tail", headers={"Content-Range": "bytes 6-9/10"})
        assert (status, "send the whole file" in text) == (400, True)
        assert await uploads(bench) == []
        assert (await send(http, url))[0] == 201


async def raw(bench, url, head: str, body: bytes) -> asyncio.StreamWriter:
    """Send bytes as they are, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.node.southbound.port, ssl=bench.tls())
    path = "/" + url.split("/", 3)[3]
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: acs\r\n{head}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.reader = reader
    return writer


async def until_state(bench, state: str) -> fl.Upload:
    async def there():
        return [each for each in await uploads(bench) if each.state == state]

    return (await until(there))[0]


async def test_a_broken_upload_leaves_nothing_and_may_be_repeated(bench, url):
    writer = await raw(bench, url, f"Content-Length: {len(CONTENT)}", CONTENT[:300_000])
    await until_state(bench, "receiving")
    writer.transport.abort()
    broken = await until_state(bench, "broken")
    assert broken.reason == "the connection broke"
    assert stored_files(bench) == []
    async with bench.client() as http:
        assert (await send(http, url))[0] == 201
    (found,) = await uploads(bench)
    assert (found.id, found.state, found.reason) == (broken.id, "stored", "")
    assert stored_files(bench) == [CONTENT]


async def test_the_newest_attempt_counts(bench, url):
    writer = await raw(bench, url, f"Content-Length: {len(CONTENT)}", CONTENT[:300_000])
    await until_state(bench, "receiving")
    async with bench.client() as http:
        assert (await send(http, url))[0] == 201
    writer.write(CONTENT[300_000:])
    head = await writer.reader.readuntil(b"\r\n")
    assert b" 409 " in head
    writer.close()
    (found,) = await uploads(bench)
    assert found.state == "stored"
    assert stored_files(bench) == [CONTENT]


async def test_a_body_is_asked_for_only_when_it_is_wanted(bench, url):
    async with bench.client() as http:
        writer = await raw(bench, url, f"Content-Length: {len(CONTENT)}\r\nExpect: 100-continue", b"")
        assert b" 100 " in await writer.reader.readuntil(b"\r\n\r\n")
        writer.write(CONTENT)
        assert b" 201 " in await writer.reader.readuntil(b"\r\n")
        writer.close()
        writer = await raw(bench, url, "Content-Length: 5\r\nExpect: 100-continue", b"")
        assert b" 410 " in await writer.reader.readuntil(b"\r\n")
        writer.close()
        assert (await send(http, url))[0] == 410


async def test_a_standing_url_takes_file_after_file(bench, device):
    urls = bench.node._urls
    url = urls.upload_url(device.id, fl.PM_FILE, "", bench.clock[0], standing=True, lifetime=86400)
    async with bench.client() as http:
        for number in range(3):
            assert (await send(http, f"{url}/A{number}.xml", b"x" * number))[0] == 201
    assert [each.name for each in await uploads(bench)] == ["A2.xml", "A1.xml", "A0.xml"]


async def test_quotas_hold_for_a_device_and_for_all(tmp_path):
    limits = {"upload_size": 1000, "upload_device_quota": 1500, "upload_quota": 2500}
    async for bench in make_bench(tmp_path, **limits):
        made = [
            await bench.node.store.write(dev.register, "0005B9", f"Q{n}", now=bench.clock[0])
            for n in range(3)
        ]

        async def sent(device, size, *, bench=bench, **options):
            url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
            async with bench.client(bench.anonymous()) as http:
                return await send(http, url, b"x" * size, **options)

        assert (await sent(made[0], 1000))[0] == 201
        assert await sent(made[0], 600) == (507, "what is kept of this device has reached its quota\n")
        assert (await sent(made[0], 500))[0] == 201
        assert (await sent(made[1], 1000))[0] == 201
        assert await sent(made[2], 1) == (507, "what is kept of all devices has reached its quota\n")


async def test_what_arrived_is_handed_to_its_handler_until_that_succeeds(bench, device):
    seen: list[tuple[int, bytes]] = []

    async def handler(arrival: fl.Arrival) -> None:
        async with arrival.content() as path:
            seen.append((arrival.upload.id, path.read_bytes()))
        if len(seen) == 1:
            raise ValueError("not yet")

    arrivals = bench.node.arrivals
    arrivals.on(LOG, handler)
    (worker,) = (task for task in bench.node._tasks if task.get_name() == "uploads")
    worker.cancel()  # each step is made by hand
    url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
    async with bench.client() as http:
        await send(http, url, b"log")
    assert await arrivals.handle_next()
    (found,) = await uploads(bench)
    assert (found.handled_at, found.reason) == (None, "ValueError: not yet")
    assert not await arrivals.handle_next()
    bench.clock[0] += 61
    assert await arrivals.handle_next()
    (found,) = await uploads(bench)
    assert (found.handled_at, found.reason) == (bench.clock[0], "")
    assert seen == [(found.id, b"log")] * 2
    assert not await arrivals.handle_next()


async def test_only_what_is_handled_at_once_is_claimed(bench, device):
    seen: list[int] = []

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.id)
        raise asyncio.CancelledError

    arrivals = bench.node.arrivals
    arrivals.on(LOG, handler)
    (worker,) = (task for task in bench.node._tasks if task.get_name() == "uploads")
    worker.cancel()
    async with bench.client() as http:
        for key in ("k1", "k2"):
            await send(http, bench.node.env.upload_url(device.id, LOG, key, bench.clock[0]), b"log")
    with contextlib.suppress(asyncio.CancelledError):
        await arrivals.handle_next()
    attempts = {each.id: each.handler_attempts for each in await uploads(bench)}
    assert sorted(attempts.values()) == [0, 1]
    assert attempts[seen[0]] == 1


async def test_what_stops_the_acs_each_time_is_not_handled_for_ever(bench, device):
    seen: list[int] = []

    async def handler(arrival: fl.Arrival) -> None:
        seen.append(arrival.upload.id)
        raise asyncio.CancelledError  # the process ends: nothing that follows is run

    arrivals = bench.node.arrivals
    arrivals.on(LOG, handler)
    (worker,) = (task for task in bench.node._tasks if task.get_name() == "uploads")
    worker.cancel()
    url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
    async with bench.client() as http:
        await send(http, url, b"log")
    for _ in range(6):
        with contextlib.suppress(asyncio.CancelledError):
            await arrivals.handle_next()
        bench.clock[0] += 3600
    (found,) = await uploads(bench)
    assert seen == [found.id] * 3
    assert (found.handled_at, found.reason) == (
        None,
        "given up: 3 attempts to handle it were never finished",
    )


async def test_slots_are_for_all_and_each_device_gets_a_few(tmp_path):
    async for bench in make_bench(tmp_path, file_transfers=3, file_device_transfers=2):
        made = [
            await bench.node.store.write(dev.register, "0005B9", f"S{n}", now=bench.clock[0])
            for n in range(3)
        ]
        held = []
        context: ssl.SSLContext = bench.anonymous()
        bench.tls = lambda context=context: context

        async def attempt(device, *, bench=bench, held=held) -> bytes:
            url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
            writer = await raw(bench, url, "Content-Length: 5\r\nExpect: 100-continue", b"")
            held.append(writer)
            return await writer.reader.readuntil(b"\r\n\r\n")

        assert b" 100 " in await attempt(made[0])
        assert b" 100 " in await attempt(made[0])
        refused = await attempt(made[0])
        assert b" 503 " in refused
        assert b"Retry-After: 30" in refused
        assert b" 100 " in await attempt(made[1])
        assert b"Retry-After: 60" in await attempt(made[2])
        for writer in held:
            writer.transport.abort()
