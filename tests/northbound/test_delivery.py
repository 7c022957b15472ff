"""The deliverer against a manager on a real socket."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from acs import alarms as al
from acs import devices as dev
from acs import northbound as nb
from acs import subscriptions as sub
from acs.northbound.manager import ManagerClient
from acs.observability import Metrics
from acs.security import Authority, Sealer
from acs.settings import Settings
from acs.store import Store
from tests.waiting import until

NOW = 1_800_000_000.0
SEALER = Sealer(bytes(range(32)))


class Manager:
    """Answers with what stands in ``answers``, then 204; keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.got: list[tuple[web.BaseRequest, bytes]] = []
        self.url = ""

    async def _take(self, request: web.BaseRequest) -> web.Response:
        self.got.append((request, await request.read()))
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    @property
    def numbers(self) -> list[int]:
        return [msgspec.json.decode(body)["notificationId"] for _, body in self.got]

    @asynccontextmanager
    async def listening(self, tls=None):
        runner = web.ServerRunner(web.Server(self._take))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{runner.addresses[0][1]}/"
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
async def manager():
    async with Manager().listening() as made:
        yield made


@asynccontextmanager
async def delivering(store: Store):
    settings = Settings(delivery_longest_wait=0.05)
    deliverer = nb.Deliverer(store, settings, SEALER, Metrics(), url=lambda: "https://acs", system_dn="DC=x")
    task = asyncio.create_task(deliverer.run())
    try:
        yield deliverer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def subscribe(store: Store, url: str, **options) -> tuple[sub.Subscription, str]:
    facts = {"sealer": SEALER, "who": "op", "owner": "noc", "insecure_http": True, "now": NOW, **options}
    return await store.write(sub.add_subscription, url, sub.Filter(), **facts)


async def tell(store: Store, *serials: str) -> None:
    def act(conn) -> None:
        for serial in serials:
            device = dev.register(conn, "0005B9", serial, now=NOW)
            al.notify(conn, device, "notifyComments", {"commentText": serial}, now=NOW)

    await store.write(act)


async def idle(store: Store) -> None:
    async def nothing_waits() -> bool:
        return all(each.waiting == 0 for each in await store.read(sub.backlogs))

    await until(nothing_waits)


async def test_what_is_sent_is_signed_and_bears_the_token(store: Store, manager: Manager) -> None:
    _, secret = await subscribe(store, manager.url, bearer="t0ken")
    await tell(store, "A1")
    async with delivering(store):
        await idle(store)
    [(request, body)] = manager.got
    headers = request.headers
    assert headers["Authorization"] == "Bearer t0ken"
    signature = headers["webhook-id"], headers["webhook-timestamp"], body, headers["webhook-signature"]
    assert nb.verify(secret, *signature, now=NOW)
    told = msgspec.json.decode(body)
    assert told["href"] == "https://acs/v1/devices/0005B9-A1"
    assert told["eventTime"] == "2027-01-15T08:00:00.000Z"
    assert (told["systemDN"], told["commentText"]) == ("DC=x", "A1")


async def test_redirections_are_not_followed(store: Store, manager: Manager, clock) -> None:
    made, _ = await subscribe(store, manager.url)
    async with Manager().listening() as elsewhere:
        manager.answers = [web.Response(status=307, headers={"Location": elsewhere.url})]
        await tell(store, "A1")

        async def failed() -> bool:
            return bool((await store.read(sub.find_subscription, made.id)).failures)

        async with delivering(store):
            await until(failed)
            assert "not followed" in (await store.read(sub.find_subscription, made.id)).last_error
            clock.now += 10
            await idle(store)
        assert elsewhere.got == []
        assert len(manager.got) == 2


async def test_another_deliverer_goes_on_where_the_first_ended(store: Store, manager: Manager) -> None:
    await subscribe(store, manager.url)
    async with delivering(store):
        await tell(store, "A1", "A2", "A1")
        await idle(store)
    await tell(store, "A1", "A2")
    assert len(manager.got) == 3
    async with delivering(store):
        await idle(store)
    assert sorted(manager.numbers) == [1, 2, 3, 4, 5]


async def test_managers_that_are_down_keep_no_other_waiting(store: Store, manager: Manager) -> None:
    down, _ = await subscribe(store, "http://localhost:9/")
    await subscribe(store, manager.url)
    await tell(store, "A1")

    async def told() -> bool:
        waiting = [each.waiting for each in await store.read(sub.backlogs)]
        return waiting[1] == 0 and bool((await store.read(sub.find_subscription, down.id)).last_error)

    async with delivering(store):
        await until(told)
    assert [each.waiting for each in await store.read(sub.backlogs)] == [1, 0]


async def test_the_certificate_of_the_manager_is_verified(tmp_path) -> None:
    authority = Authority.load_or_create(tmp_path, "NMS CA")
    issued = authority.issue_server(["localhost"])
    (tmp_path / "server.pem").write_bytes(issued.certificate + issued.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with Manager().listening(tls) as manager:
        for ca, good in (("", False), ((tmp_path / "ca.pem").read_text(), True)):
            client = ManagerClient(manager.url, secret, "", ca)
            failure = await client.send("1-1", b'{"notificationId": 1}', now=time.time())
            await client.close()
            assert (failure is None) == good
            assert failure is None or "certificate" in failure.why.lower()
        assert manager.numbers == [1]


async def test_a_subscription_with_the_number_of_one_that_ended_is_another(
    sqlite_url, clock, manager
) -> None:
    store = await Store.open(sqlite_url, clock=clock)
    try:
        async with Manager().listening() as other, delivering(store):
            for number, each in enumerate((manager, other), 1):
                made, secret = await subscribe(store, each.url)
                assert made.id == 1
                await tell(store, "A1")
                await idle(store)
                assert each.numbers == [number]
                request, body = each.got[0]
                names = ("webhook-id", "webhook-timestamp", "webhook-signature")
                message_id, at, signature = (request.headers[name] for name in names)
                assert nb.verify(secret, message_id, at, body, signature, now=NOW)
                await store.write(sub.remove_subscription, made.id, who="op", now=NOW)
    finally:
        await store.close()


async def test_two_nodes_deliver_each_once_and_in_order(postgresql_url, clock, manager) -> None:
    stores = [await Store.open(postgresql_url, clock=clock) for _ in range(2)]
    try:
        await subscribe(stores[0], manager.url)
        async with delivering(stores[0]), delivering(stores[1]):
            for number in range(40):
                await tell(stores[number % 2], f"A{number % 5}", f"A{(number + 1) % 5}")
            await idle(stores[0])
    finally:
        for store in stores:
            await store.close()
    assert sorted(manager.numbers) == list(range(1, 81))
    lines: dict[str, list[int]] = {}
    for _, body in manager.got:
        told = msgspec.json.decode(body)
        lines.setdefault(told["commentText"], []).append(told["notificationId"])
    assert all(line == sorted(line) for line in lines.values())
