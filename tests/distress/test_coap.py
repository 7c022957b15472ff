"""The trigger as a CoAP request under OSCORE: what is refused, what is never said twice."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acs.distress import Path, Trigger, add_path, parse_template, reserve_number
from acs.errors import AcsError

aiocoap = pytest.importorskip("aiocoap", reason="the extra coap is not installed")

from acs.distress.coap import CoapSender, Recipient  # noqa: E402 - needs the extra
from tests.world import DISTRESS_KEY, World  # noqa: E402 - as above

UN, KEY = "0005B9-A1", "the key of a device"
NOW = 1_800_000_000
TRIGGER = Trigger(NOW, 7, UN, "0" * 16)
HOST = "192.0.2.1:5683"


def sent(trigger: Trigger = TRIGGER, *, key: str = KEY, number: int = NOW, mid: int = 1) -> tuple:
    sender = CoapSender(trigger, key, number=number, host=HOST)
    message = sender.request
    message.mtype, message.mid, message.token = aiocoap.CON, mid, b"tk"
    message.remote = None
    return sender, message.encode()


def obeyed(_: Trigger) -> str:
    return ""


def answer_of(data: bytes) -> aiocoap.Message:
    return aiocoap.Message.decode(data)


@pytest.mark.row("S1 L54.5")
def test_a_genuine_one_is_obeyed_and_the_answer_vouched_for():
    sender, data = sent()
    heard = Recipient(KEY, UN).hear(data, obeyed)
    assert (heard.trigger, heard.why) == (TRIGGER, "")
    answer = answer_of(heard.answer)
    assert (answer.mtype, answer.mid, answer.token) == (aiocoap.ACK, 1, b"tk")
    assert sender.answered(answer) == "acknowledged"


@pytest.mark.row("S1 L54.5")
def test_there_is_neither_a_secret_nor_anything_readable_in_it():
    _, data = sent()
    for text in (KEY, UN, "trigger", str(NOW), "POST", "GET"):
        assert text.encode() not in data


def test_a_replay_is_refused_and_the_same_datagram_only_answered_again():
    recipient = Recipient(KEY, UN)
    _, data = sent()
    first = recipient.hear(data, obeyed)
    again = recipient.hear(data, obeyed)
    assert (again.trigger, again.answer) == (None, first.answer)
    _, replayed = sent(mid=2)  # another CoAP message around the same protected request
    heard = recipient.hear(replayed, obeyed)
    assert (heard.trigger, heard.why) == (None, "repeated")
    assert answer_of(heard.answer).code is aiocoap.UNAUTHORIZED


def test_the_replay_window_is_bounded_and_what_is_older_counts_as_seen():
    recipient = Recipient(KEY, UN)
    for number in (100, 98, 131):
        assert recipient.hear(sent(number=number)[1], obeyed).trigger
    assert recipient.hear(sent(number=99)[1], obeyed).why == "repeated"  # 32 below 131
    assert recipient.hear(sent(number=100)[1], obeyed).why == "repeated"
    assert recipient.hear(sent(number=101)[1], obeyed).trigger


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        (Recipient("another key", UN), aiocoap.BAD_REQUEST),
        (Recipient(KEY, "0005B9-B2"), aiocoap.BAD_REQUEST),
    ],
)
def test_one_under_another_key_or_of_another_device_is_refused(recipient, code):
    sender, data = sent()
    heard = recipient.hear(data, obeyed)
    assert heard.trigger is None
    answer = answer_of(heard.answer)
    assert answer.code is code
    assert sender.answered(answer) == "not taken: 4.00, which nobody vouches for"


def test_what_is_not_obeyed_is_told_under_protection():
    sender, data = sent()
    heard = Recipient(KEY, UN).hear(data, lambda _: "stale")
    assert (heard.trigger, heard.why) == (None, "stale")
    assert sender.answered(answer_of(heard.answer)) == "not taken: 4.03"


def test_an_answer_that_was_made_for_another_request_is_none():
    one, data = sent()
    heard = Recipient(KEY, UN).hear(data, obeyed)
    other, _ = sent(number=NOW + 1)
    assert one.answered(answer_of(heard.answer)) == "acknowledged"
    assert other.answered(answer_of(heard.answer)) == "not taken: the answer is not of this device's key"


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x40\x02\x00\x01\x90")
@example(b"\x42\x02\x00\x01tk\x91\x10\xff")
@example(b"\x42\x02\x00\x01tk\x91\x05\xff1")
@example(b"\x48\x02\x00\x01\x92\x08\xe0")
def test_whatever_comes_is_answered_or_left_alone(data):
    heard = Recipient(KEY, UN).hear(data, obeyed)
    assert heard.trigger is None
    assert len(heard.answer) <= max(len(data), 12)


@given(st.integers(0, 10_000), st.integers(1, 255))
@example(7, 0x20)  # the flag of a group's message in the OSCORE option
def test_any_change_of_a_byte_is_noticed(place, change):
    """But for the message ID and token, which are of CoAP alone."""
    _, data = sent()
    place %= len(data)
    changed = bytearray(data)
    changed[place] ^= change
    heard = Recipient(KEY, UN).hear(bytes(changed), obeyed)
    assert heard.trigger is None or 2 <= place < 6


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_change_of_a_byte_of_the_answer_is_noticed(place, change):
    """As above; what is not acknowledged by the device's key is not taken for it."""
    sender, data = sent()
    answer = Recipient(KEY, UN).hear(data, obeyed).answer
    place %= len(answer)
    changed = bytearray(answer)
    changed[place] ^= change
    try:
        message = answer_of(bytes(changed))
    except (aiocoap.error.Error, ValueError):  # it is no message at all
        return
    assert sender.answered(message) != "acknowledged" or place < 6


@pytest.mark.parametrize("flag", range(1, 256))
def test_whatever_stands_in_the_oscore_option_of_an_answer_is_no_failure(flag):
    sender, data = sent()
    answer = answer_of(Recipient(KEY, UN).hear(data, obeyed).answer)
    answer.opt.oscore = bytes([flag]) + bytes(12)
    assert sender.answered(answer).startswith("not taken")


def test_a_number_is_given_out_once_also_after_a_restart(store_conn):
    conn, device = store_conn
    numbers = [reserve_number(conn, device.id, now=NOW) for _ in range(3)]
    assert numbers == [NOW, NOW + 1, NOW + 2]
    assert reserve_number(conn, device.id, now=NOW - 500) == NOW + 3  # a clock that was set back
    assert reserve_number(conn, device.id, now=NOW + 900) == NOW + 900


@pytest.fixture
def store_conn():
    world = World()
    world.boot()
    with world.conn.begin():
        yield world.conn, world.device


def test_a_simulated_henb_obeys_it_as_any_trigger():
    world = World(distress=1)
    world.boot()
    world.channels.clear()
    made = {
        name: sent(Trigger(int(world.now) + ts, number, un, "0" * 16), key=DISTRESS_KEY, number=number)[1]
        for name, number, un, ts in (
            ("stale", 1, world.key, -400),
            ("of another device", 2, UN, 0),
            ("good", 3, world.key, 0),
        )
    }
    assert world.henb.coap_triggered(made["stale"], "IPsec2", world.now)[0] is False
    assert world.henb.coap_triggered(made["of another device"], "IPsec2", world.now)[0] is False
    assert world.henb.coap_triggered(b"\x00", "IPsec2", world.now) == (False, b"")
    taken, answer = world.henb.coap_triggered(made["good"], "IPsec2", world.now)
    assert taken
    assert answer
    assert not world.henb.coap_triggered(made["good"], "IPsec2", world.now)[0]
    assert world.henb.distress.refused == {"stale": 1, "no genuine trigger": 2, "repeated": 1}
    world.run(10)
    assert world.channels == ["standard"]


def test_without_the_extra_that_is_told(monkeypatch):
    world = World()
    world.boot()
    monkeypatch.setattr("acs.distress.paths.find_spec", lambda name: None)
    with pytest.raises(AcsError, match=r"needs an extra; install it with: pip install 'femto-acs\[coap\]'"):
        add_path(world.conn, world.device, Path("Internet", "192.0.2.1:5683", "COAP"), who="t", now=0)
    with pytest.raises(AcsError, match="needs an extra"):
        parse_template(["Internet COAP {serial}.example:5683"])
