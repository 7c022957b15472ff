"""A manager at the northbound interface of a real node, for the tests of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aiohttp
import pytest
from sqlalchemy import select
from yarl import URL

from acs import alarms as al
from acs import devices as dev
from acs import northbound as nb
from acs.store.tables import audit
from tests.southbound.conftest import make_bench

__all__ = ["KEY", "Manager", "alarm", "manager"]

KEY = "0005B9-A1"
ALL = tuple(nb.SCOPES)


@dataclass
class Manager:
    """A client of the northbound interface, and the node behind it."""

    bench: object
    http: aiohttp.ClientSession
    token: str = ""

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.bench.node.northbound_port}"

    def url(self, path: str | URL) -> URL:
        return URL(f"{self.base}{path}", encoded=True) if isinstance(path, URL) else URL(self.base + path)

    async def ask(self, method, path, *, token=None, headers=None, **options):
        sent = dict(headers or {})
        used = self.token if token is None else token
        if used:
            sent.setdefault("Authorization", f"Bearer {used}")
        async with self.http.request(method, self.url(path), headers=sent, **options) as answer:
            body = await answer.json(content_type=None) if answer.content_length else None
            return answer.status, body, answer.headers

    async def new_token(self, *scopes: str, owner: str = "noc", seconds: float = 1000.0) -> tuple[int, str]:
        now = self.bench.clock[0]
        made, secret = await self.bench.node.store.write(
            nb.create_token, owner, scopes or ALL, expires_at=now + seconds, who="test", now=now
        )
        return made.id, secret

    async def read(self, function, *args):
        return await self.bench.node.store.read(function, *args)

    async def write(self, function, *args, **kwargs):
        return await self.bench.node.store.write(function, *args, **kwargs)

    async def audited(self) -> list[tuple[str, str, str]]:
        query = select(audit.c.who, audit.c.action, audit.c.target).order_by(audit.c.id)
        return [tuple(row) for row in await self.read(lambda conn: conn.execute(query).all())]


@pytest.fixture
async def manager(tmp_path):
    async for bench in make_bench(tmp_path, northbound_port=0):
        context = ssl.create_default_context(cafile=bench.node.settings.data / "pki/server/ca.pem")
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
            made = Manager(bench, http)
            _, made.token = await made.new_token()
            yield made


def alarm(conn, number: int = 1, now: float = 1.0):
    device = dev.register(conn, "0005B9", "A1", now=now)
    return al.raise_alarm(
        conn,
        device,
        identifier=f"t{number}",
        event_type="OPERATIONAL_VIOLATION",
        probable_cause="OUT_OF_SERVICE",
        perceived_severity="WARNING",
        specific_problem="TEST",
        additional_text="",
        detector="HeMS:test",
        now=now,
    ).alarm.id
