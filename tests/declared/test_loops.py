"""Writers that fight are told, both of them."""

from acs.declared import Write, flapping
from acs.declared.loops import MOST_WRITES, WINDOW

PATH = "Device.Time.NTPServer1"


def writes(*sources: str, at: float = 1000.0) -> list[Write]:
    return [Write(PATH, f"by {source}", source, number, at) for number, source in enumerate(sources)]


def told(found: list[Write], *, now: float = 1001.0) -> list[str]:
    return flapping(found, [(PATH, "ntp1", "evil", "class:A")], now=now)


def test_a_device_that_sets_a_value_back():
    assert told(writes(*["class:A"] * (MOST_WRITES - 1))) == []
    [sentence] = told(writes(*["class:A"] * MOST_WRITES))
    assert "class:A has set it to 'ntp1'" in sentence
    assert "the device, or someone who is not this ACS, sets it back to 'evil'" in sentence


def test_two_writers_of_ours():
    [sentence] = told(writes(*["class:A", "policy"] * MOST_WRITES))
    assert "policy sets it to 'by policy'" in sentence


def test_what_was_long_ago_or_in_one_case_does_not_count():
    assert told(writes(*["class:A"] * MOST_WRITES), now=1000 + WINDOW + 1) == []
    assert told([Write(PATH, "a", "class:A", 1, 1000.0)] * 20) == []
