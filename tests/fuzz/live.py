"""A live node for targets that need one."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Self

from acs.node import Node
from acs.security import Scope, write_scope
from acs.settings import load_settings
from acs.simulator import Vendor
from tests.southbound.conftest import OUI, SERIAL, body_of, inform

_PATIENCE = 10  # seconds for the answer to one input


class Live:
    """A node on free ports and a device of it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._failed)
        self._failures: list[dict] = []
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        folder = Path(self._folder.name)
        vendor = Vendor(folder / "vendor")
        write_scope(vendor.ca_path, Scope(ouis=(OUI,)))
        settings = {
            "data": folder / "acs",
            "host": "127.0.0.1",
            "port": 0,
            "insecure_http_port": 0,
            "management_port": 0,
            "device_ca": [vendor.ca_path],
            "unlimited_networks": ["127.0.0.0/8"],
            "drain_timeout": 0.1,
        }
        self._node = Node(load_settings(None, settings, {}))
        self._loop.run_until_complete(self._node.start())
        name = f"{SERIAL}.{OUI}.henb.femto.example".lower()
        self._tls = vendor.client_context(name, folder / "acs/pki/server/ca.pem")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection[1].close()
        self._loop.run_until_complete(self._node.stop())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict) -> None:
        self._failures.append(context)

    def _check(self) -> None:
        errors = self._node.metrics.registry.get_sample_value("acs_posts_total", {"result": "error"})
        assert not errors, "a POST failed with an exception"
        assert not self._failures, self._failures

    def wire(self, data: bytes) -> None:
        """Send ``data`` on a connection of its own and see the node through it."""
        self._loop.run_until_complete(self._wire(data))
        self._check()

    async def _wire(self, data: bytes) -> None:
        async with asyncio.timeout(_PATIENCE):
            port = self._node.southbound.http_port
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(data)
                writer.write_eof()
                answer = await reader.read()
                assert not answer or answer.startswith(b"HTTP/1."), answer[:80]
            except ConnectionError:
                pass
            finally:
                writer.close()

    def post(self, data: bytes) -> None:
        """Send ``data`` as the body of a POST in a session of the device."""
        self._loop.run_until_complete(self._post(data))
        self._check()

    async def _post(self, data: bytes) -> None:
        async with asyncio.timeout(_PATIENCE):
            status = await self._say(data)
            assert status in (200, 204, 400, 403, 413, 429, 503), status

    async def _say(self, body: bytes) -> int:
        if self._connection is None:
            port = self._node.southbound.port
            self._connection = await asyncio.open_connection("localhost", port, ssl=self._tls)
            await self._exchange(body_of(inform()))
        return await self._exchange(body)

    async def _exchange(self, body: bytes) -> int:
        assert self._connection is not None
        reader, writer = self._connection
        writer.write(b"POST /acs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
            self._connection = None
        return int(head.split()[1])
