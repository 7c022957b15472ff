"""A real node on free ports, and a client that says exactly what a test wants."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aiohttp
import pytest

from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.node import Node
from acs.simulator import Vendor
from tests.nodes import running_node

OUI, SERIAL = "0005B9", "A1"


def inform(serial: str = SERIAL, *events: str, oui: str = OUI, parameters=()) -> m.Inform:
    identity = m.DeviceId("ACME", oui, "HeNB-LTE", serial)
    values = (m.ParameterValue("Device.DeviceInfo.SoftwareVersion", "1.0.0"), *parameters)
    codes = events or ("2 PERIODIC",)
    return m.Inform(identity, tuple(m.Event(code) for code in codes), 1, "2026-01-01T00:00:00Z", 0, values)


def body_of(message: m.Message, id_: str = "1", namespace: str = m.CWMP_1_2) -> bytes:
    return encode(message, namespace=namespace, header=m.Header(id=id_))


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict
    cookie: str

    @property
    def message(self) -> m.Message:
        return decode(self.body).message

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Bench:
    node: Node
    vendor: Vendor
    clock: list

    def tls(self, serial: str = SERIAL, *, vendor: Vendor | None = None) -> ssl.SSLContext:
        name = f"{serial}.{OUI}.henb.femto.example".lower()
        return (vendor or self.vendor).client_context(name, self.node.settings.data / "pki/server/ca.pem")

    def anonymous(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.node.settings.data / "pki/server/ca.pem")

    def client(self, tls: ssl.SSLContext | None = None, **options) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=tls or self.tls())
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), **options)

    async def post(self, http, body, *, path: str = "/acs", headers=None, cookie: str = "") -> Answer:
        sent = dict(headers or {})
        if cookie:
            sent["Cookie"] = cookie
        data = body_of(body) if not isinstance(body, bytes) else body
        async with http.post(f"{self.node.url}{path}", data=data, headers=sent) as response:
            content = await response.read()
            set_cookie = response.headers.get("Set-Cookie", "").partition(";")[0]
            return Answer(response.status, content, dict(response.headers), set_cookie)

    def metric(self, name: str, **labels) -> float:
        return self.node.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


async def make_bench(tmp_path, **overrides):
    vendor, clock = Vendor(tmp_path / "vendor"), [1_800_000_000.0]
    async with running_node(tmp_path / "acs", vendor, clock=lambda: clock[0], **overrides) as node:
        yield Bench(node, vendor, clock)
