"""Silences and inhibition that hold remediation: no case is opened until the alarm comes out."""

from __future__ import annotations

from acs import alarms as al
from acs import devices as dev
from acs.holding import review_device
from tests.world import SERIAL, World


def world() -> World:
    made = World()
    made.boot()
    return made


def silence(made: World, *, approved: bool = True, **options) -> None:
    times = {"starts_at": made.now, "ends_at": made.now + 3600, "now": made.now}
    facts = {"who": "ann@cli", "why": "a drill", "hold_remediation": True, **times, **options}
    with made.conn.begin():
        done = al.add_silence(made.conn, [f"device=~.*{SERIAL}"], **facts)
        if done.grave and approved:
            al.approve_silence(made.conn, done.id, who="bob@cli", why="yes", now=made.now)


def review(made: World) -> None:
    with made.conn.begin():
        found, _ = al.to_be_reviewed(made.conn, now=made.now)
        for number in found:
            review_device(made.conn, number, env=made.env, now=made.now)


def remediations(made: World) -> list[tuple[str, str | None]]:
    return [(each.procedure, each.outcome) for each in made.cases()]


def test_remediation_waits_for_the_end_of_the_silence_and_is_done_then():
    made = world()
    silence(made)
    made.tamper("configuration-modified", seconds=600)
    assert remediations(made) == []
    assert [each.perceived_severity for each in made.alarms()] == ["MAJOR"]
    made.run(3600)
    review(made)
    made.run(600)
    assert remediations(made) == [("P2R", "REMEDIATED")]
    assert made.alarms() == []


def test_a_silence_that_does_not_say_so_holds_no_remediation():
    made = world()
    silence(made, hold_remediation=False)
    made.tamper("configuration-modified", seconds=600)
    assert remediations(made) == [("P2R", "REMEDIATED")]


def test_what_blocks_a_device_is_held_by_two_persons_only():
    for grave, outcome in ((False, [("P3", "BLOCKED")]), (True, [])):
        made = world()
        silence(made, grave=grave)
        made.tamper("circuit-modified", seconds=600)
        assert remediations(made) == outcome
        with made.conn.begin():
            assert dev.get(made.conn, 1).blocked is not grave


def test_a_rule_that_holds_remediation_leaves_it_to_the_source():
    made = world()
    rule = al.Inhibition(
        "clock",
        ["specific_problem=CONFIG_MODIFIED"],
        ["specific_problem=CLOCK_SPEED_MODIFIED"],
        "it was set wrong",
    )
    rules = [
        al.Inhibition(**{**{n: getattr(rule, n) for n in rule.__struct_fields__}, "hold_remediation": True})
    ]
    with made.conn.begin():
        al.set_inhibitions(made.conn, rules)
        device = dev.get(made.conn, 1)
        facts = {
            "event_type": "INTEGRITY_VIOLATION",
            "probable_cause": "UNEXPECTED_INFORMATION",
            "now": made.now,
        }
        facts |= {"additional_text": "", "detector": "HeMS:x", "perceived_severity": "MAJOR"}
        for problem in ("CONFIG_MODIFIED", "CLOCK_SPEED_MODIFIED"):
            al.raise_alarm(made.conn, device, identifier=problem, specific_problem=problem, **facts)
        [held] = al.held_from_remediation(made.conn, 1).items()
        assert held == (2, False)
        [active] = [
            each for each in al.active_alarms(made.conn, 1) if each.alarm_identifier == "CONFIG_MODIFIED"
        ]
        al.clear_alarm(made.conn, device, active.id, "repaired", now=made.now)
        assert al.held_from_remediation(made.conn, 1) == {}
