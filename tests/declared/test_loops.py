"""Writers that fight are told, both of them."""

from acs.declared import Write, flapping
from acs.declared.loops import MOST_CONTESTED, WINDOW

PATH = "Device.Time.NTPServer1"


def story(count: int, *sources: str, was: str | None = "evil") -> list[Write]:
    """Writes by ``sources`` in turn, each in a case of its own, that found ``was``."""
    return [
        Write(PATH, "ntp1", sources[number % len(sources)], number, 1000.0, was) for number in range(count)
    ]


def told(
    writes: list[Write], *, was: str | None = "evil", value: str = "ntp1", now: float = 1001.0
) -> list[str]:
    return flapping(writes, [(PATH, value, was, "class:A")], now=now)


def test_a_device_that_sets_a_value_back():
    assert told(story(MOST_CONTESTED - 1, "class:A")) == []
    [sentence] = told(story(MOST_CONTESTED, "class:A"))
    assert "class:A sets it to 'ntp1'" in sentence
    assert "the device, or someone who is not this ACS, sets it back to 'evil'" in sentence


def test_a_command_that_sets_a_value_back_is_named():
    writes = story(MOST_CONTESTED, "class:A")
    [sentence] = flapping(
        writes, [(PATH, "ntp1", "evil", "class:A")], now=1001.0, setters={PATH: "command 9 (operator)"}
    )
    assert "class:A sets it to 'ntp1', command 9 (operator) sets it to 'evil', 5 times and more" in sentence


def test_two_layers_that_fight_are_told():
    [sentence] = told(story(MOST_CONTESTED + 1, "class:A", "group:b", was="ntp1"), was="ntp1")
    assert "class:A sets it to" in sentence
    assert "group:b sets it to" in sentence


def test_one_writer_with_new_values_does_not_fight():
    writes = [Write(PATH, str(number), "class:A", number, 1000.0, str(number - 1)) for number in range(20)]
    assert told(writes, was="19", value="20") == []


def test_another_spelling_is_no_fight():
    writes = [Write(PATH, "true", "class:A", number, 1000.0, "1") for number in range(20)]
    assert flapping(writes, [(PATH, "true", "1", "class:A")], now=1001.0) == []


def test_what_was_long_ago_or_in_one_case_does_not_count():
    assert told(story(20, "class:A"), now=1000 + WINDOW + 1) == []
    assert told([Write(PATH, "a", "class:A", 1, 1000.0, "evil")] * 20) == []
