"""1.transfers and 1c.transfers: when and how often devices tell that a transfer is complete."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from tests.interop.steps import enqueue, found, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

TIME = "2026-01-01T00:00:00Z"
DOWNLOAD = m.Download("k", "1 Firmware Upgrade Image", "https://files.example/image")
LATER = body_of(m.DownloadResponse(1, m.UNKNOWN_TIME, m.UNKNOWN_TIME))


def complete(key: str = "k", fault: m.FaultStruct | None = None) -> bytes:
    return body_of(m.TransferComplete(key, fault or m.FaultStruct(), TIME, TIME))


@pytest.fixture
async def download(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
    return await enqueue(bench, device, DOWNLOAD, "k")


async def begun(wire):
    """Take the session to where the Download was sent."""
    await wire.post(body_of(inform()))
    heard = await wire.post()
    assert m.method_name(heard.message) == "Download"


@pytest.mark.row("1.transfers")
async def test_before_the_answer_to_the_download(bench, download):
    async with connected(bench) as wire:
        await begun(wire)
        assert isinstance((await wire.post(complete())).message, m.TransferCompleteResponse)
        await wire.post(LATER)
    assert (await found(bench, download)).succeeded


@pytest.mark.row("1.transfers")
@pytest.mark.parametrize("key", ["k", ""])
async def test_in_a_later_session_with_its_key_or_an_empty_one(bench, download, key):
    async with connected(bench) as wire:
        await begun(wire)
        assert (await wire.post(LATER)).status == 204
    assert (await found(bench, download)).state == "accepted"
    async with connected(bench) as wire:
        await wire.post(body_of(inform("A1", "1 BOOT", "7 TRANSFER COMPLETE")))
        assert isinstance((await wire.post(complete(key))).message, m.TransferCompleteResponse)
    assert (await found(bench, download)).succeeded


@pytest.mark.row("1.transfers")
async def test_twice_is_once(bench, download):
    async with connected(bench) as wire:
        await begun(wire)
        await wire.post(LATER)
        for fault in (m.FaultStruct(), m.FaultStruct(9010, "late")):
            answer = await wire.post(complete(fault=fault))
            assert isinstance(answer.message, m.TransferCompleteResponse)
    assert (await found(bench, download)).succeeded


@pytest.mark.row("1.transfers", "1.faults")
async def test_a_transfer_that_failed_has_its_code_and_its_text(bench, download):
    async with connected(bench) as wire:
        await begun(wire)
        await wire.post(LATER)
        await wire.post(complete(fault=m.FaultStruct(9018, "signature")))
    command = await found(bench, download)
    assert (command.state, command.fault_code, command.fault_string) == ("failed", 9018, "signature")


@pytest.mark.row("1c.transfers")
async def test_four_of_them_in_one_session_and_their_elements_in_any_order(bench, download):
    body = complete()
    start, _, rest = body.partition(b"<CommandKey>")
    key, _, rest = rest.partition(b"</CommandKey>")
    shuffled = start + rest.replace(
        b"</cwmp:TransferComplete>", b"<CommandKey>" + key + b"</CommandKey></cwmp:TransferComplete>"
    )
    assert shuffled != body
    async with connected(bench) as wire:
        await begun(wire)
        await wire.post(LATER)
        for other in ("x", "y", "z"):
            assert isinstance((await wire.post(complete(other))).message, m.TransferCompleteResponse)
        assert (await found(bench, download)).state == "accepted"
        assert isinstance((await wire.post(shuffled)).message, m.TransferCompleteResponse)
    assert (await found(bench, download)).succeeded
