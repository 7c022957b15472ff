"""Durable coroutines: a replay tells the same story."""

from __future__ import annotations

import pytest

from acs.errors import AcsError
from acs.remediation.replay import Ask, Entry, Finished, NonDeterministicError, Place, Suspended, run


async def story(log):
    log.append("begun")
    first = await Ask("one", "", lambda: None)
    second = await Ask("two", "", lambda: None)
    return first + second


def begin(done):
    def inner(place, ask):
        return Entry(ask.name, done.get(place) is not None, done.get(place))

    return inner


def test_it_suspends_at_the_first_step_that_is_not_done_and_goes_on_from_the_journal():
    log: list[str] = []
    assert run(story(log), {}.get, begin({})) == Suspended(Place("", 1))
    journal = {Place("", 1): Entry("one", True, 20)}
    assert run(story(log), journal.get, begin({})) == Suspended(Place("", 2))
    journal[Place("", 2)] = Entry("two", True, 22)
    assert run(story(log), journal.get, begin({})) == Finished(42, 2)
    assert log == ["begun"] * 3


def test_another_story_than_the_journal_tells_is_refused():
    with pytest.raises(NonDeterministicError, match="step 1: it was 'zero' before and is 'one' now"):
        run(story([]), {Place("", 1): Entry("zero", True, 1)}.get, begin({}))


def test_a_playbook_that_goes_round_in_circles_is_stopped():
    async def circles():
        while True:
            await Ask("again", "", lambda: None)

    with pytest.raises(AcsError, match="circles"):
        run(circles(), {}.get, lambda place, ask: Entry(ask.name, True))


def test_what_a_playbook_raises_comes_out():
    async def fails():
        await Ask("one", "", lambda: None)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(fails(), {Place("", 1): Entry("one", True)}.get, begin({}))
