"""HTTP as bytes on a TLS connection: what a test sends is what is on the wire."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from acs.cwmp import decode

PATIENCE = 20  # seconds until a test that hears nothing fails


@dataclass(frozen=True)
class Heard:
    """One response as it stood on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header ``name``, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def cookie(self) -> str:
        """The cookie that was set, without attributes."""
        return self.header("Set-Cookie").partition(";")[0]

    @property
    def message(self):
        """The message in the body."""
        return decode(self.body).message


class Wire:
    """One connection of a device."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> Heard:
        """Send ``data`` as it is and return what is answered."""
        self.writer.write(data)
        await self.writer.drain()
        return await self.hear()

    async def post(self, body: bytes = b"", *headers: str, version: str = "1.1", path: str = "/acs") -> Heard:
        """Send a POST with just these headers, ``Host`` and ``Content-Length``."""
        lines = [f"POST {path} HTTP/{version}", "Host: acs.example", f"Content-Length: {len(body)}", *headers]
        return await self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def hear(self) -> Heard:
        """Return the next response."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split()[1])
            headers = [(key, value.strip()) for key, _, value in (line.partition(":") for line in head[1:-2])]
            heard = Heard(status, headers, b"")
            if status == 100:
                return await self.hear()
            if heard.header("Transfer-Encoding"):
                raise AssertionError("the ACS answered in chunks")
            length = int(heard.header("Content-Length") or 0)
            return Heard(status, headers, await self.reader.readexactly(length))

    async def ended(self) -> bool:
        """Tell whether the ACS closes the connection without another byte."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""


@asynccontextmanager
async def connected(bench, tls=None):
    """Connect to the node's HTTPS port as the device of the bench, or with another context."""
    port = bench.node.southbound.port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=tls or bench.tls())
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
