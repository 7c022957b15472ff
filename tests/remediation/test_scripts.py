"""Playbooks of operators: loaded, run, replayed, kept by version; what is wrong with them is told."""

from __future__ import annotations

import os
from textwrap import dedent

import pytest

from acs import devices as dev
from acs.errors import AcsError
from acs.remediation import load_library, parse_policy, prune_cases
from acs.remediation.scripts import load_scripts, read_folder
from acs.remediation.scripts.library import find_script
from tests.world import World

HEAD = "from acs.playbook import Case, Cleared, ParameterValue, Result, StepFailed, demand, playbook\n\n"
PII = "Device.ManagementServer.PeriodicInformInterval"


def write(folder, **files: str):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(HEAD + dedent(text))
    return folder


def world_of(folder, policy="", **kwargs) -> World:
    library = load_library(folder)
    assert library.problems == ()
    world = World(library=library, policy=f"extends: default\nname: test\n{policy}", **kwargs)
    world.boot()
    return world


def ended(world: World):
    return world.cases("playbook")[-1]


def test_a_playbook_is_run_for_an_operator_and_its_story_is_kept(tmp_path):
    folder = write(
        tmp_path / "p",
        restart='''
        @playbook
        async def restart(case: Case):
            """Restart it."""
            demand(await case.reboot(because="somebody wants it"), "Reboot")
            name = "Device.DeviceInfo.SoftwareVersion"
            outcome, values = await case.get_values([name], because="is it well?")
            return Result("RESTARTED", values[name])
        ''',
    )
    world = world_of(folder)
    world.run_playbook("restart", why="it is slow")
    world.run(600)
    case = ended(world)
    assert (case.state, case.outcome, case.because) == ("closed", "RESTARTED", "1.0.0")
    assert [each.name for each in world.journal(case)] == ["Reboot", "GetParameterValues"]
    assert case.playbook_version == world.env.library.get("restart").version
    assert world.env.library.get("restart").summary == "Restart it."


def test_a_run_is_forgotten_with_its_case(tmp_path):
    world = world_of(write(tmp_path / "p", one="async def one(case): ..."))
    world.run_playbook("one")
    count = "SELECT count(*) FROM playbook_runs"
    with world.conn.begin():
        assert world.conn.exec_driver_sql(count).scalar() == 1
        prune_cases(world.conn, before=world.now + 1, limit=100)
        assert world.conn.exec_driver_sql(count).scalar() == 0


def test_a_case_finishes_on_the_version_that_it_began_with(tmp_path):
    text = """
    @playbook
    async def slow(case: Case):
        await case.sleep(100, because="first")
        return Result("{}", "done")
    """
    folder = write(tmp_path / "p", slow=text.format("OLD"))
    world = world_of(folder)
    world.run_playbook("slow")
    write(folder, slow=text.format("NEW"))
    object.__setattr__(world.env, "library", load_library(folder))
    world.run(200)
    assert ended(world).outcome == "OLD"
    world.run_playbook("slow")
    world.run(200)
    assert ended(world).outcome == "NEW"


def test_what_a_file_imports_of_its_folder_belongs_to_its_version(tmp_path):
    folder = write(
        tmp_path / "p",
        common="WORD = 'COMMON'",
        one="""
        from .common import WORD

        async def one(case: Case):
            return Result(WORD, "it says so")
        """,
    )
    before = load_library(folder).get("one").version
    world = world_of(folder)
    world.run_playbook("one")
    assert ended(world).outcome == "COMMON"
    write(folder, common="WORD = 'OTHER'")
    assert load_library(folder).get("one").version != before
    assert load_scripts(read_folder(folder).bundles["one"])["one"].version != before


def test_a_playbook_asks_and_somebody_answers(tmp_path):
    folder = write(
        tmp_path / "p",
        ask="""
        async def ask(case: Case):
            said = await case.approve("may it be rebooted?", because="somebody may be calling", timeout=3600)
            return Result("GRANTED" if said else "DENIED", f"{said.who}: {said.why}")
        """,
    )
    world = world_of(folder)
    for answer, outcome in (("APPROVE", "GRANTED"), ("DENY", "DENIED")):
        case = world.run_playbook("ask")
        world.run(60)
        assert ended(world).state == "waiting"
        assert world.comments()[-1] == f"case {case.id} asks: may it be rebooted?"
        with pytest.raises(AcsError, match="at work and waits for no instruction"):
            world.instruct(case, "RELEASE")
        world.instruct(case, answer, "it is night")
        assert (ended(world).outcome, ended(world).because) == (outcome, "operator: it is night")
        with pytest.raises(AcsError, match="nothing waits in it"):
            world.instruct(case, "APPROVE")
    world.run_playbook("ask")
    world.run(4000)
    assert (ended(world).outcome, ended(world).because) == ("DENIED", ": nobody answered in time")


def test_clock_and_chance_are_the_same_at_each_replay(tmp_path):
    folder = write(
        tmp_path / "p",
        dice="""
        async def dice(case: Case):
            begun, first, name = case.now, case.random.random(), case.uuid()
            await case.note(f"{begun} {first} {name}")
            await case.sleep(30, because="a replay follows")
            await case.note(f"{case.now - begun:.0f} s later, {case.random.random()}")
            await case.sleep(30, because="another one")
            return Result("DONE", f"{case.now - begun:.0f}")
        """,
    )
    world = world_of(folder)
    world.run_playbook("dice")
    world.run(100)
    assert (ended(world).outcome, ended(world).because) == ("DONE", "60")


def test_a_changing_story_is_told_with_step_and_remedy_and_harms_its_case_alone(tmp_path):
    folder = write(
        tmp_path / "p",
        moody="""
        import itertools
        COUNT = itertools.count()

        async def moody(case: Case):
            await case.sleep(10, because="first")
            await case.note(f"this is replay {next(COUNT)}")
            await case.sleep(10, because="second")
        """,
    )
    world = world_of(folder)
    world.run_playbook("moody")
    world.run(100)
    case = ended(world)
    assert (case.state, case.outcome) == ("waiting", "FAILED")
    assert (
        "step 2: the detail of 'note' was 'this is replay 0' before and is 'this is replay 1' now"
        in case.because
    )
    assert "case.now" in case.because
    world.instruct(case, "CLOSE")
    assert ended(world).state == "closed"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('no')", "failed at bad.py:4: ValueError: no"),
        ("while True:\n        x = 1", "computes for too long between two steps"),
        ("import asyncio as a\n    await a.sleep(1)", "asyncio is not for playbooks"),
        ("return 5", "bad.py:3: bad returned 5; a playbook returns nothing"),
        ("return Result('all is well', '')", "whose outcome is a word in capitals"),
        ("while True:\n        await case.note('x')", "more than 2000 steps"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, body, why):
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "bad.py").write_text(f"{HEAD}async def bad(case):\n    {body}\n")
    library = load_library(folder)
    if library.problems:
        assert why in library.problems[0]
        return
    world = World(library=library)
    world.boot()
    world.run_playbook("bad")
    case = ended(world)
    assert (case.state, case.outcome) == ("waiting", "FAILED")
    assert why in case.because


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(:\n", "bad.py:1: invalid syntax"),
        ("import time\n", "bad.py:1: time is not for playbooks"),
        ("from random import choice\n", "bad.py:1: random is not for playbooks"),
        (
            "from datetime import datetime\nasync def bad(case):\n    datetime.now()\n",
            "bad.py:3: now() reads the clock",
        ),
        ("import other\n", "bad.py:1: write `from .other import …`"),
        ("from .missing import x\n", "bad.py:1: it imports missing.py, which is missing"),
        ("from .bad import x\n", "bad.py:1: bad → bad go round in circles"),
        ("async def bad(case):\n    open('x')\n", "bad.py:2: open() is not for playbooks"),
        ("try:\n    pass\nexcept:\n    pass\n", "bad.py:3: a handler for everything"),
        ("def bad(case):\n    pass\n", "bad.py:1: the playbook bad is no `async def`"),
        ("1/0\n", "bad.py:1: ZeroDivisionError"),
        (
            "async def fatal(case): ...\nfatal.__playbook__ = True\n",
            "the name fatal is that of a shipped playbook",
        ),
        ("from acs.playbook import nothing\n", "bad.py:1: ImportError"),
        ("\0", "bad.py:1: "),
    ],
)
def test_a_bad_file_is_told_with_line_and_keeps_no_other_from_working(tmp_path, source, problem):
    folder = write(tmp_path / "p", other="async def other(case: Case):\n    return None\n")
    (folder / "bad.py").write_text(source)
    library = load_library(folder)
    assert library.problems[0].startswith(problem) or problem in library.problems[0]
    assert list(library.scripts) == ["other"]


def test_what_others_could_have_written_is_refused(tmp_path):
    folder = write(tmp_path / "p", one="async def one(case): ...", two="async def two(case): ...")
    os.chmod(folder / "one.py", 0o666)
    library = load_library(folder)
    assert list(library.scripts) == ["two"]
    assert "can be written by everybody" in library.problems[0]
    os.chmod(folder, 0o777)
    library = load_library(folder)
    assert not library.scripts
    assert "chmod o-w" in library.problems[0]
    assert "can't read the playbooks" in load_library(tmp_path / "none").problems[0]


def test_a_source_that_was_changed_in_the_database_is_not_run(tmp_path):
    folder = write(tmp_path / "p", one="async def one(case):\n    await case.sleep(9, because='x')\n")
    world = world_of(folder)
    world.run_playbook("one")
    with world.conn.begin():
        world.conn.exec_driver_sql("UPDATE playbook_sources SET body = replace(body, 'sleep(9', 'sleep(8')")
    world.run(60)
    assert "is not that of version" in ended(world).because
    with pytest.raises(AcsError, match="no source of the playbook"):
        world.look(find_script, "one", "0" * 16)


def test_branches_of_one_case_go_on_each_for_itself(tmp_path):
    folder = write(
        tmp_path / "p",
        both=f"""
        async def nap(case, seconds):
            await case.sleep(seconds, because="to rest")
            await case.note(f"slept {{seconds}}")
            return case.now

        async def read(case):
            outcome, values = await case.get_values(["{PII}"], because="meanwhile")
            return values["{PII}"]

        async def both(case: Case):
            begun = case.now
            long, short, value = await case.parallel(nap(case, 90), nap(case, 30), read(case))
            return Result("DONE", f"{{long - begun:.0f}} {{short - begun:.0f}} {{value}}")
        """,
    )
    world = world_of(folder)
    world.run_playbook("both")
    world.run(300)
    case = ended(world)
    assert (case.outcome, case.because) == ("DONE", "90 30 900")
    notes = [(each.branch, each.detail) for each in world.journal(case) if each.name == "note"]
    assert notes == [("1.1", "slept 30"), ("1.0", "slept 90")]


def test_an_error_of_a_branch_is_raised_when_all_have_ended(tmp_path):
    folder = write(
        tmp_path / "p",
        both="""
        async def fails(case):
            await case.note("I fail")
            raise StepFailed("it did not work")

        async def waits(case):
            await case.sleep(50, because="slow")
            await case.note("I ended")

        async def both(case: Case):
            try:
                await case.parallel(fails(case), waits(case))
            except StepFailed as failure:
                return Result("CAUGHT", str(failure))
        """,
    )
    world = world_of(folder)
    world.run_playbook("both")
    world.run(100)
    assert (ended(world).outcome, ended(world).because) == ("CAUGHT", "it did not work")
    assert [each.detail for each in world.journal(ended(world)) if each.name == "note"] == [
        "I fail",
        "I ended",
    ]


def test_a_group_is_worked_through_a_bounded_number_at_a_time(tmp_path):
    folder = write(
        tmp_path / "p",
        one="""
        async def one(case: Case):
            await case.sleep(100, because="work")
            return Result("DONE", "well")
        """,
        all="""
        async def all(case: Case):
            found = await case.devices_of("stadium")
            outcomes = await case.group(found, "one", because="all of them", at_once=2)
            return Result("DONE", ", ".join(f"{key[-1]}={word}" for key, word in outcomes.items()))
        """,
    )
    world = world_of(folder)
    for number in range(3):
        neighbour = world.add(f"cell{number}")
        with world.conn.begin():
            dev.add_group(world.conn, dev.find(world.conn, neighbour.key).id, "stadium")
    world.run(200)
    case = world.run_playbook("all")
    world.run(50)
    running = [each for each in world.cases("playbook") if each.state == "active"]
    assert len(running) == 3  # the one that asked, and two of the three
    world.run(600)
    (done,) = [each for each in world.cases("playbook") if each.id == case.id]
    assert (done.state, done.because) == ("closed", "0=DONE, 1=DONE, 2=DONE")


@pytest.mark.row("S1 L39.2")
def test_a_rung_of_a_ladder_is_an_operators_playbook(tmp_path):
    folder = write(
        tmp_path / "p",
        fetch="""
        async def fetch(case: Case):
            await case.note("logs are fetched")
            demand(await case.reboot(because="the vendor says so"), "Reboot")
        """,
    )
    policy = "ladders: {reconfiguration: [reconfigure, 'playbook:fetch', factory_reset]}\n"
    world = world_of(folder, policy)
    world.tamper("configuration-modified", until="reboot")
    (case,) = world.cases()
    assert (case.procedure, case.outcome) == ("P2R", "REMEDIATED")
    assert world.rungs(case) == ["reconfigure", "playbook:fetch"]


def test_a_procedure_is_an_operators_playbook_and_a_missing_one_is_diagnosed(tmp_path):
    rule = (
        "rules: [{specific_problem: CONFIG_MODIFIED, procedure: 'playbook:mine', because: ours},"
        " {procedure: P1, because: nothing}]\n"
    )
    folder = write(
        tmp_path / "p",
        mine="""
        from acs.playbook import reconfigure, verify

        async def mine(case: Case):
            await reconfigure(case)
            await verify(case)
            return Result("REMEDIATED", "in our own way")
        """,
    )
    world = world_of(folder, rule)
    world.tamper("configuration-modified")
    (case,) = world.cases()
    assert (case.procedure, case.outcome, case.because) == ("playbook:mine", "REMEDIATED", "in our own way")
    other = World(policy=f"extends: default\n{rule}")
    other.boot()
    other.tamper("configuration-modified")
    (case,) = other.cases()
    assert (case.procedure, case.outcome) == ("DX", "REMEDIATED")


def test_a_rung_whose_playbook_is_missing_is_passed_over():
    ladders = "ladders: {reconfiguration: [reconfigure, 'playbook:gone', reboot]}\n"
    world = World(policy=f"extends: default\nname: test\n{ladders}")
    world.boot()
    world.tamper("configuration-modified", until="reboot")
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"
    assert world.rungs(case) == ["reconfigure", "playbook:gone", "reboot"]


def test_a_policy_may_name_no_unknown_rung():
    with pytest.raises(AcsError, match="the rung 'kick' is unknown"):
        parse_policy("extends: default\nladders: {reconfiguration: [kick]}\n")
    with pytest.raises(AcsError, match="the procedure 'playbook:a b' is unknown"):
        parse_policy("rules: [{procedure: 'playbook:a b', because: x}]\n")
