"""The trigger's codec: what is genuine is read back, whatever else is refused; each is obeyed once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.distress import WINDOW, Trigger, TriggerError, TriggerMemory, build_trigger, parse_trigger

KEY = "k" * 32
triggers = st.builds(
    Trigger,
    st.integers(0, 10**12 - 1),
    st.integers(0, 2**62),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.text("0123456789abcdef", min_size=16, max_size=64),
)


@given(triggers, st.text("abcdefghij-_0123456789", min_size=1, max_size=40))
def test_what_is_signed_is_read_back(trigger, key):
    assert parse_trigger(build_trigger(trigger, key, host="192.0.2.1:7550"), key) == trigger


@pytest.mark.row("S1 L54.5")
@given(triggers, st.data())
def test_any_change_of_what_is_signed_is_noticed(trigger, data):
    datagram = bytearray(build_trigger(trigger, KEY, host="h:1"))
    start = datagram.index(b"?") + 1
    at = data.draw(st.integers(start, len(datagram) - 1))
    datagram[at] = data.draw(st.integers(0, 255).filter(lambda value: value != datagram[at]))
    with pytest.raises(TriggerError):
        parse_trigger(bytes(datagram), KEY)


@given(triggers)
def test_another_devices_key_is_no_use(trigger):
    datagram = build_trigger(trigger, KEY, host="h:1")
    for key in ("", "x" * 32):
        with pytest.raises(TriggerError):
            parse_trigger(datagram, key)


@given(st.binary(max_size=2000))
def test_any_datagram_is_read_or_refused(data):
    with pytest.raises(TriggerError):
        parse_trigger(data, KEY)


@pytest.mark.row("S1 L54.5")
def test_no_command_and_no_secret_is_in_a_trigger():
    datagram = build_trigger(Trigger(1_800_000_000, 7, "0005B9-1", "0" * 16), KEY, host="h:7550")
    assert datagram.startswith(b"GET http://h:7550?ts=1800000000&id=7&un=0005B9-1&cn=0000000000000000&sig=")
    assert KEY.encode() not in datagram
    assert len(datagram.split(b"&")) == 5


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 5)), max_size=400),
    st.lists(st.floats(-200, 60), max_size=400),  # its clock is set back as well
)
def test_each_trigger_is_obeyed_once_whatever_comes_in_between(sent, waits):
    memory, now, obeyed = TriggerMemory(), 1000.0, set()
    for (ts, number), wait in zip(sent, waits, strict=False):
        now += wait
        trigger = Trigger(ts, number, "d", "0" * 16)
        if not memory.refuse(trigger, now):
            assert (ts, number) not in obeyed
            assert abs(now - ts) <= WINDOW
            obeyed.add((ts, number))


def test_the_window_and_the_copies():
    memory = TriggerMemory()
    trigger = Trigger(1000, 1, "d", "0" * 16)
    assert memory.refuse(trigger, 1000 + WINDOW + 1) == "stale"
    assert memory.refuse(trigger, 1000 - WINDOW - 1) == "stale"
    assert memory.refuse(trigger, 1001.0) == ""
    assert memory.refuse(trigger, 1001.5) == "repeated"
