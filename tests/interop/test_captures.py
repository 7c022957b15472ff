"""1c.captures: the recorded conversations of real clients, message by message against a live node."""

from __future__ import annotations

import re
import tarfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from acs.cwmp import DecodeError, decode
from acs.cwmp import messages as m
from acs.security import Scope, write_scope
from acs.simulator import Vendor
from tests.interop.wire import connected
from tests.southbound.conftest import make_bench

CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "client-captures.tar.xz"
_COOKIE = re.compile(r"(session|ID)=[^;,]*")


def conversations() -> dict[str, list[tuple[str, bytes]]]:
    """Return the requests of each capture in their order: file name and the bytes that were on the wire."""
    if not CAPTURES.is_file():
        return {}
    found: dict[str, list[tuple[str, bytes]]] = {}
    with tarfile.open(CAPTURES) as archive:  # read, not extracted: early 3.11 has no extraction filters
        for each in archive:
            if each.isfile() and each.name.endswith("-req.http"):
                folder, _, name = each.name.removeprefix("./").rpartition("/")
                data = archive.extractfile(each).read()
                if data.startswith(b"POST "):  # not its downloads, nor what a wrong Content-Length left over
                    found.setdefault(folder, []).append((name, data))
    return {folder: sorted(requests) for folder, requests in sorted(found.items())}


CONVERSATIONS = conversations()


def identity(requests: list[tuple[str, bytes]]) -> m.DeviceId | None:
    """Return who speaks in a capture."""
    for _, data in requests:
        try:
            message = decode(data.partition(b"\r\n\r\n")[2]).message
        except DecodeError:
            continue
        if isinstance(message, m.Inform):
            return message.device_id
    return None


def readdressed(data: bytes, cookie: str) -> bytes:
    """Return a recorded request with this node's cookie where it bore one, spelt as it was."""
    head, gap, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lines = [line for line in lines if not line.lower().startswith("authorization:")]
    lines = [_COOKIE.sub(cookie, line) if line.lower().startswith("cookie:") else line for line in lines]
    return "\r\n".join(lines).encode("latin-1") + gap + body


@pytest.mark.row("1c.captures")
@pytest.mark.parametrize("name", CONVERSATIONS or ["none"])
async def test_a_recorded_conversation_meets_an_answer_to_each_message(tmp_path, name):
    if not CONVERSATIONS:
        pytest.skip(f"the captures are not at {CAPTURES}")
    requests = CONVERSATIONS[name]
    who = identity(requests)
    assert who is not None
    vendor = Vendor(tmp_path / "maker")
    write_scope(vendor.ca_path, Scope(ouis=(who.oui,)))
    async for bench in make_bench(tmp_path, device_ca=[vendor.ca_path]):
        await replay(bench, vendor, who, requests)


async def replay(bench, vendor: Vendor, who: m.DeviceId, requests: list[tuple[str, bytes]]) -> None:
    """Send every request of the capture as it was, and judge the answers."""
    name = f"{who.serial_number}.{who.oui}.henb.femto.example".lower()
    tls = vendor.client_context(name, bench.node.settings.data / "pki/server/ca.pem")
    cookie = "session=none"
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(connected(bench, tls))
        for file, data in requests:
            heard = await wire.send(readdressed(data, cookie))
            if heard.header("Connection").lower() == "close":
                wire = await stack.enter_async_context(connected(bench, tls))
            cookie = heard.cookie or cookie
            assert heard.status in (200, 204, 401, 403), (file, heard.body)
            if heard.status == 200:
                assert not isinstance(heard.message, m.Fault), (file, heard.message)
            if "Inform-req" in file:
                assert isinstance(heard.message, m.InformResponse), file
    assert bench.metric("acs_posts_total", result="error") == 0
