"""Traces in the store and on the screen."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import traces as tr
from acs.errors import AcsError
from acs.store import Store
from acs.traces.message import MOST_BYTES

MESSAGES = [
    tr.Message(at=10.5, direction="in", method="Inform", body="<a><b>x\x1b[31m</b></a>", address="192.0.2.1"),
    tr.Message(
        at=10.75, direction="out", method="InformResponse", status=200, headers=[("A", "b")], body="<c/>"
    ),
    tr.Message(at=11.0, direction="in", note="malformed: \x07", cut=5),
    tr.Message(at=11.0, direction="out", status=204),
]


async def keep(store: Store, device: int, at: float = 10.0) -> None:
    content, count = tr.pack(MESSAGES)
    await store.write(
        tr.keep_trace,
        device,
        session="s",
        reason="wanted",
        started_at=at,
        ended_at=at + 1,
        messages=count,
        content=content,
    )


async def device(store: Store, serial: str = "A1") -> int:
    made: dev.Device = await store.write(dev.register, "0005B9", serial, product_class="HeNB", now=1.0)
    return made.id


async def test_what_is_kept_is_what_is_read(store: Store) -> None:
    number = await device(store)
    await keep(store, number)
    (kept,) = await store.read(tr.list_traces)
    assert (kept.device_id, kept.messages, kept.reason) == (number, 4, "wanted")
    assert await store.read(tr.messages_of, [kept.id]) == MESSAGES
    with pytest.raises(AcsError, match="no trace 999; see: acs trace list"):
        await store.read(tr.messages_of, [999])


async def test_a_device_fills_its_own_share_alone(store: Store) -> None:
    first, second = await device(store), await device(store, "A2")
    await keep(store, first)
    for number in range(tr.MOST_TRACES + 5):
        await keep(store, second, at=float(number))
    assert len(await store.read(tr.list_traces, device_id=second, limit=999)) == tr.MOST_TRACES
    assert len(await store.read(tr.list_traces, device_id=first)) == 1


async def test_old_traces_and_those_over_the_quota_go(store: Store) -> None:
    number = await device(store)
    for at in (10.0, 20.0, 30.0, 40.0):
        await keep(store, number, at=at)
    size = (await store.read(tr.list_traces))[0].size
    assert await store.write(tr.prune_traces, before=15.0, quota=10**9, limit=10) == 1
    assert await store.write(tr.prune_traces, before=0.0, quota=2 * size, limit=10) == 1
    assert [each.started_at for each in await store.read(tr.list_traces)] == [40.0, 30.0]
    assert await store.write(tr.prune_traces, before=0.0, quota=2 * size, limit=10) == 0


async def test_a_trace_is_wanted_for_a_while(store: Store) -> None:
    number = await device(store)
    await store.write(tr.trace_start, number, seconds=60, who="t", now=100.0)
    assert await store.read(tr.wanted_traces, now=159.0) == {number: 160.0}
    assert await store.read(tr.wanted_traces, now=160.0) == {}
    assert await store.write(tr.trace_stop, number)
    assert not await store.write(tr.trace_stop, number)
    with pytest.raises(AcsError, match="1 second to 7 days"):
        await store.write(tr.trace_start, number, seconds=1e9, who="t", now=100.0)


def test_a_conversation_is_shown_and_no_terminal_obeys_it() -> None:
    shown = list(tr.as_text(MESSAGES, headers=True))
    assert shown[0].startswith("1970-01-01T00:00:10.500Z <-- Inform from 192.0.2.1")
    assert "    A: b" in shown[1]
    assert "\x1b" not in "".join(shown)
    assert "\x07" not in "".join(shown)
    assert "… 5 more characters" in shown[2]


def test_a_har_pairs_requests_with_answers() -> None:
    entries = tr.as_har(MESSAGES, version="1")["log"]["entries"]
    assert [(each["response"]["status"], each["time"]) for each in entries] == [(200, 250.0), (204, 0.0)]
    assert entries[0]["request"]["postData"]["text"].startswith("<a>")


def test_what_is_too_much_loses_its_oldest_messages() -> None:
    many = [tr.Message(at=float(at), direction="in", body="x" * 200_000) for at in range(30)]
    content, count = tr.pack(many)
    assert 0 < count * 200_000 <= MOST_BYTES
    assert [each.at for each in tr.unpack(content)] == [float(at) for at in range(30 - count, 30)]


def test_a_damaged_trace_is_told() -> None:
    with pytest.raises(AcsError, match="damaged"):
        list(tr.unpack(b"nonsense"))
