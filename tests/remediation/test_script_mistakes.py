"""What operators get wrong in playbooks is told with file, line and remedy, as the file is read or runs."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from acs.errors import AcsError
from acs.remediation import load_library
from tests.world import World

HEAD = (
    "from acs.playbook import Case, Cleared, ParameterValue, Result, demand, diagnostic_test, playbook,"
    " reconfigure, tried\n\n"
)


def library_of(folder, source: str):
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text(HEAD + dedent(source))
    return load_library(folder)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "case.reboot(because='x')",
            "case.reboot(…) is not awaited, so nothing is done; write await case.reboot(…)",
        ),
        (
            "outcome = case.reboot(because='x')\n    demand(outcome, 'Reboot')",
            "case.reboot(…) is not awaited",
        ),
        ("demand(case.reboot(because='x'), 'Reboot')", "case.reboot(…) is not awaited"),
        ("_, values = case.get_values(['A'], because='x')", "case.get_values(…) is not awaited"),
        ("if case.approve('may it?', because='x'):\n        pass", "case.approve(…) is not awaited"),
        ("return case.device()['site']", "case.device(…) is not awaited"),
        ("reconfigure(case)", "reconfigure(…) is not awaited"),
        ("mine(case)", "mine(…) is not awaited"),
        ("await case.rebot(because='x')", "a case has no rebot; did you mean case.reboot?"),
        ("await case.order_pizza()", "a case has no order_pizza; see docs/playbooks.md"),
        ("case._branch", "a case has no _branch"),
        ("await case.reboot()", "case.reboot: missing a required"),
        ("await case.reboot('x')", "positional arguments; it is reboot(*, because: str) -> Outcome"),
        ("await case.sleep(60, becuse='x')", "case.sleep: "),
        ("await case.reboot", "case.reboot can't be awaited like this; call it: await case.reboot(…)"),
        ("await case.sleep(case.now() + 5, because='x')", "case.now is a value and no call"),
        ("await case.uuid()", "case.uuid(…) is no step; write it without await"),
        ("await case.utc", "case.utc can't be awaited like this; write it without await"),
    ],
)
def test_a_misuse_of_the_case_is_told_as_the_file_is_read(tmp_path, line, problem):
    source = f"async def mine(case):\n    pass\n\nasync def bad(case: Case):\n    {line}\n"
    [told] = library_of(tmp_path / "p", source).problems
    assert told.startswith(("bad.py:7: ", "bad.py:8: "))
    assert problem in told


def test_a_file_that_declares_nothing_is_told_unless_others_import_it(tmp_path):
    folder = tmp_path / "p"
    [told] = library_of(folder, "async def restart(case: Case):\n    return 'x'\n").problems
    assert told.startswith("bad.py:3: it declares no playbook, and nobody imports it; mark an `async def`")
    source = "from .bad import restart\nasync def good(case):\n    await restart(case)\n"
    (folder / "good.py").write_text(source)
    (folder / "test_good.py").write_text("from acs.lab import Lab\ndef test_it():\n    pass\n")
    assert load_library(folder).problems == ()


def test_all_that_is_wrong_is_told_at_once_in_order(tmp_path):
    source = "import time\nasync def bad(case: Case):\n    case.reboot(because='x')\n    open('y')\n"
    assert [each.split(" ")[1] for each in library_of(tmp_path / "p", source).problems] == [
        "time",
        "case.reboot(…)",
        "open()",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "both = [case.upload(each, because='x') for each in ('a', 'b')]\n    await case.parallel(*both)",
        "one = case.sleep(5, because='x')\n    await one",
        "await (case.reboot(because='x') if case.now else case.factory_reset(because='x'))",
        "await tried(case, 'Reboot', lambda: case.reboot(because='x'))",
        "said = await case.approve('?', because='x')\n    return said.why",
        "arguments = {'because': 'x'}\n    await case.reboot(**arguments)",
        "call = case.reboot\n    await call(because='x')",
        "return f'{case.root} {case.facts} {case.random.random()} {case.utc:%H} {case.because}'",
    ],
)
def test_what_is_right_is_not_complained_of(tmp_path, lines):
    library = library_of(tmp_path / "p", f"async def bad(case: Case):\n    {lines}\n")
    assert library.problems == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("import asyncio", "asyncio is not for playbooks, a replay would see something else: use case.sleep"),
        ("import logging", "use case.note"),
        ("input()", "use case.approve"),
        ("exit()", "a playbook ends with return"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("from datetime import datetime as dt\nNOW = dt.now()", "bad.py:4: now() reads the clock"),
    ],
)
def test_what_a_playbook_can_do_instead_is_told(tmp_path, line, problem):
    [told] = library_of(tmp_path / "p", f"{line}\n").problems
    assert told.startswith("bad.py:")
    assert problem in told


def failed(tmp_path, body: str) -> str:
    library = library_of(tmp_path / "p", f"async def bad(case: Case):\n{body}")
    assert library.problems == ()
    world = World(library=library)
    world.boot()
    world.run_playbook("bad")
    world.run(600)
    [case] = world.cases("playbook")
    assert (case.state, case.outcome) == ("waiting", "FAILED")
    return case.because


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "await case.parallel([case.note('a')])",
            "which is no call to wait for; write case.parallel(a(case)",
        ),
        ("await case.parallel(await case.note('a'))", "parallel was given None"),
        ("await case.sleep('10', because='x')", "the time to sleep is a number of seconds, not '10'"),
        (
            "import datetime; await case.sleep(datetime.timedelta(hours=2), because='x')",
            "write timedelta(…).total_seconds()",
        ),
        (
            "await case.wait_for('M Reboot', because='x', timeout=None)",
            "timeout is a number of seconds, not None",
        ),
        ("await case.wait_for('REBOOTED', because='x', timeout=9)", "no device tells the event 'REBOOTED'"),
        ("await case.group(['nobody'], 'bad', because='x')", "there is no device 'nobody'"),
        ("await case.group(['nobody'], 'none', because='x')", "there is no playbook 'none'; known are bad"),
        (
            "await case.set_canonical({'nonsense': '1'}, because='x')",
            "'nonsense' is no canonical name; see: acs model canonical",
        ),
    ],
)
def test_a_step_that_can_not_be_taken_is_told_with_the_line_that_awaits_it(tmp_path, line, problem):
    because = failed(tmp_path, f"    await case.note('first')\n    {line}\n")
    assert because.startswith("the playbook bad failed at bad.py:5: ")
    assert problem in because


@pytest.mark.parametrize("error", ["SystemExit", "GeneratorExit", "TooLong"])
def test_what_would_end_the_node_ends_the_case_alone(tmp_path, error):
    body = f"    await case.note('first')\n    raise {error}\n\nclass TooLong(Exception):\n    pass\n"
    assert failed(tmp_path, body).startswith(f"the playbook bad failed at bad.py:5: {error}")


def test_a_story_that_changes_is_told_with_the_line_of_the_innermost_function(tmp_path):
    body = """
    await case.parallel(moody(case, COUNT), moody(case, COUNT))

async def moody(case, count):
    await case.sleep(10, because="a replay follows")
    await case.note(
        f"this is replay {next(count)}"
    )
    await case.sleep(10, because="another one")

import itertools
COUNT = itertools.count()
"""
    because = failed(tmp_path, body)
    assert because.startswith(
        "the playbook bad failed at bad.py:9: NonDeterministicError: step 2 of branch 1."
    )
    assert "the detail of 'note' was 'this is replay 0' before and is 'this is replay" in because


def test_an_event_is_waited_for_in_the_spelling_of_the_standard(tmp_path):
    body = "    await case.wait_for('8 diagnostics', because='x', timeout=60)\n    return 'it ended'\n"
    world = World(library=library_of(tmp_path / "p", f"async def bad(case: Case):\n{body}"))
    world.boot()
    world.run_playbook("bad")
    world.run(100)
    [case] = world.cases("playbook")
    assert (case.outcome, case.because) == ("DONE", "it ended")
    assert [each.name for each in world.journal(case)] == ["wait for 8 DIAGNOSTICS COMPLETE"]


def test_a_sentence_that_is_too_long_is_cut(tmp_path):
    world = World(library=library_of(tmp_path / "p", "async def bad(case):\n    return 'x' * 10**6\n"))
    world.boot()
    world.run_playbook("bad")
    [case] = world.cases("playbook")
    assert len(case.because) == 500


def test_who_asks_for_an_unknown_playbook_is_told_what_makes_one(tmp_path):
    library = library_of(tmp_path / "p", "async def other(case):\n    pass\n")
    with pytest.raises(
        AcsError, match="an `async def` is one where it has @playbook or the name of its file"
    ):
        library.get("other")


def test_what_a_playbook_keeps_has_a_bound(tmp_path, monkeypatch):
    because = failed(tmp_path, "    await case.note('first')\n    await case.note('x' * 10**6)\n")
    assert "bad.py:5: AcsError: step 2, note: its text has more than 100000 characters; shorten it" in because
    monkeypatch.setattr(sys.modules["acs.remediation.advance"], "_MAX_JOURNAL", 30_000)
    lines = "    for _ in range(9):\n        await case.get_values(['Device.'], because='all of it')\n"
    assert "characters, 30000 are allowed; read fewer parameters" in failed(tmp_path / "other", lines)


def test_what_a_finally_does_is_done_once_and_at_the_end(tmp_path):
    source = """
    async def bad(case: Case):
        try:
            await rebooted(case)
            raise ValueError("no")
        except ValueError:
            return Result("CAUGHT", "it was put back")
        finally:
            await case.note("put back")

    async def rebooted(case):
        try:
            await case.sleep(10, because="first")
            outcome = await case.reboot(because="x")
        finally:
            await case.note(f"the reboot {outcome.state}")
            await case.sleep(10, because="between")
    """
    library = library_of(tmp_path / "p", source)
    assert library.problems == ()
    world = World(library=library)
    world.boot()
    world.run_playbook("bad")
    world.run(600)
    [case] = world.cases("playbook")
    assert (case.outcome, case.because) == ("CAUGHT", "it was put back")
    told = [(each.name, each.detail) for each in world.journal(case)]
    assert told == [
        ("sleep", "10 s"),
        ("Reboot", ""),
        ("note", "the reboot succeeded"),
        ("sleep", "10 s"),
        ("note", "put back"),
    ]
