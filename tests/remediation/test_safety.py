"""Safety at scale: what several devices do under limits, windows, pauses and stop rules."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select

from acs import devices as dev
from acs import remediation as rm
from acs.commands import enqueue
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.remediation.safety import control
from acs.remediation.safety.by_hand import sent_by_hand
from acs.remediation.safety.limits import Canary, GroupLimit, Safety, StopRule
from acs.remediation.safety.slots import end_slot, granted_cases, slot_state
from acs.store.tables import commands, outbox, safety_slots
from tests.remediation.slots import NOW, RULES, asks, gives, make_cases
from tests.world import POLICY, World

CELL = "Device.Services.FAPService.1.FAPControl.LTE."


# --- whole devices ----------------------------------------------------------------------------

SLOW = "safety: {limits: {fleet: {concurrent: 2}}, canary: {cases: 0}}\n"


def overlapping(world: World) -> int:
    """Return how many slots were taken at once at most, by the journal: from a Reboot to the case's end."""
    moments = []
    for case in world.cases():
        reboots = [
            each for each in world.journal(case) if each.name in ("Reboot", "FactoryReset", "Download")
        ]
        if reboots:
            begun = [world_sent(world, each.command_id) for each in reboots]
            moments += [(min(begun), 1), (case.closed_at or world.now, -1)]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def world_sent(world: World, command_id: int) -> float:
    from acs.commands import find_command

    return world.look(find_command, command_id).created_at


def storm(policy: str, count: int) -> World:
    """Have that many devices tampered with at one moment, in a way that takes a new image."""
    world = World(policy=policy)
    world.boot()
    for number in range(count - 1):
        world.add(f"N{number}")
    for each in (world, *world.neighbours):
        each.henb.tamper("software-modified", world.now)
    return world


def test_devices_are_rebooted_so_many_at_a_time_and_all_are_remediated():
    world = storm(POLICY + SLOW, 6)
    world.run(1)
    reasons = world.look(lambda conn: list(conn.execute(select(safety_slots.c.reason)).scalars()))
    assert len([each for each in reasons if each]) == 4
    assert "2 at once are allowed" in max(reasons)
    world.run(4000)
    assert [each.outcome for each in world.cases()] == ["REMEDIATED"] * 6
    assert overlapping(world) == 2


def test_a_held_step_keeps_its_number_and_is_begun_once():
    world = storm(POLICY + SLOW.replace("2}", "1}"), 2)
    world.run(1)
    held = [case for case in world.cases() if world.journal(case)[-1].event == "held"]
    assert len(held) == 1
    before = world.journal(held[0])[-1]
    assert (before.name, before.command_id) == ("Download", None)
    world.run(4000)
    after = world.journal(held[0])[before.seq - 1]
    assert (after.seq, after.name, after.state) == (before.seq, "Download", "done")
    assert after.command_id is not None
    assert len({each.seq for each in world.journal(held[0])}) == len(world.journal(held[0]))


def test_a_case_that_is_superseded_while_it_waits_leaves_the_line():
    world = storm(POLICY + SLOW.replace("2}", "1}"), 2)
    world.run(1)
    held = next(case for case in world.cases() if world.journal(case)[-1].event == "held")
    who = next(each for each in (world, *world.neighbours) if each.device.id == held.device_id)
    who.henb.tamper("circuit-modified", world.now)
    world.run(30)
    assert [each.outcome for each in world.cases() if each.device_id == held.device_id] == [
        "SUPERSEDED",
        "BLOCKED",
    ]
    assert world.look(slot_state, held.id) == ""


def test_what_is_urgent_is_never_held():
    world = World(policy=POLICY + "safety: {windows: [{start: '01:00', end: '02:00'}]}\n")
    world.boot()
    world.tamper("circuit-modified", seconds=60)
    assert world.cases()[-1].outcome == "BLOCKED"


def test_disruptive_steps_wait_for_the_maintenance_window():
    world = World(policy=POLICY + "safety: {windows: [{start: '10:00', end: '11:00'}]}\n")
    world.boot()
    world.tamper("software-modified", seconds=3600)
    (case,) = world.cases()
    assert (case.state, case.outcome) == ("active", None)
    assert "window opens at 2027-01-15 10:00 UTC" in world.look(rm.waiting_cases, [case.id])[case.id]
    world.run(7200)
    (case,) = world.cases()
    assert case.outcome == "REMEDIATED"


def test_the_default_limits_let_a_small_fleet_through():
    world = storm(POLICY, 3)
    world.run(300)
    assert [each.outcome for each in world.cases()] == ["REMEDIATED"] * 3


def test_the_journal_of_before_is_replayed_as_it_was():
    """A step that a case began before there were limits goes on: the journal is not asked again."""
    world = World(policy=POLICY)
    world.boot()
    world.henb.tamper("software-modified", world.now)
    world.run(0.1)
    with world.conn.begin():
        world.conn.execute(safety_slots.delete())
    world.run(4000)
    assert world.cases()[-1].outcome == "REMEDIATED"


def test_facts_of_a_slot_are_rows_that_others_read():
    world = storm(POLICY + SLOW, 1)
    world.run(1)
    groups = world.look(lambda conn: conn.execute(select(safety_slots.c.groups)).scalar_one())
    names = msgspec.json.decode(groups)
    assert names[0] == "kind:P2S SW_MODIFIED HeNB-LTE"
    assert names[-1] == "fleet"


# --- what people send themselves --------------------------------------------------------------


def send(world: World, who: World, request: m.Message, key: str) -> None:
    with world.conn.begin():
        enqueue(world.conn, who.device.id, request, command_key=key, purpose="operator", now=world.now)


def test_a_command_sent_by_hand_is_never_held_and_takes_room():
    world = World(policy=POLICY + SLOW.replace("2}", "1}"))
    world.boot()
    neighbour = world.add("N0")
    neighbour.henb.tamper("software-modified", world.now)
    world.run(1)  # the one slot is taken
    send(world, world, m.Reboot("h1"), "h1")
    world.run(5)
    assert [each.method for each in world.henb.executed] == ["Reboot"]
    shown = world.look(control.overview, world.env.policy.safety, now=world.now)
    assert [(each.device, each.method) for each in shown.by_hand] == [(world.key, "Reboot")]
    running = {each.name: each.running for each in shown.groups}
    assert (shown.running, running["fleet"], running["model:HeNB-LTE"]) == (1, 2, 2)
    world.run(4000)
    assert world.cases()[-1].outcome == "REMEDIATED"
    assert world.look(control.overview, world.env.policy.safety, now=world.now).by_hand == []


@pytest.mark.parametrize(
    ("request_", "counts"),
    [
        (m.Reboot("h1"), True),
        (m.GetParameterValues(("Device.DeviceInfo.",)), False),
        (m.SetParameterValues((m.ParameterValue("Device.Time.NTPServer1", "ntp"),), "h1"), False),
        (m.SetParameterValues((m.ParameterValue(f"{CELL}AdminState", "0", "xsd:boolean"),), "h1"), True),
    ],
)
async def test_cases_wait_for_what_was_sent_by_hand(store, request_, counts):
    rules = msgspec.structs.replace(RULES, limits={"fleet": GroupLimit(concurrent=1)})

    def story(conn):
        (case,) = make_cases(conn, 1)
        other = dev.register(conn, "0005B9", "H1", product_class="HeNB-LTE", now=NOW)
        dev.set_site(conn, other.id, "x")
        made = enqueue(conn, other.id, request_, command_key="h1", purpose="operator", now=NOW)
        assert sent_by_hand(conn, rules, now=NOW) == []  # it waits for its device, and disturbs nobody
        sent = {"state": "sent", "sent_at": NOW}
        conn.execute(commands.update().where(commands.c.id == made.id).values(**sent))
        found = sent_by_hand(conn, rules, now=NOW)
        assert [each.groups for each in found] == ([["site:x", "model:HeNB-LTE", "fleet"]] if counts else [])
        assert sent_by_hand(conn, rules, without={other.id}, now=NOW) == []
        assert sent_by_hand(conn, rules, now=NOW + rules.slot_seconds) == []
        assert (asks(conn, case, rules=rules) is None) != counts
        conn.execute(commands.update().where(commands.c.id == made.id).values(state="succeeded"))
        gives(conn, rules=rules)
        assert slot_state(conn, case) == ("granted" if counts else "running")

    await store.write(story)


# --- pauses and stop rules --------------------------------------------------------------------


def test_a_pause_holds_what_is_disruptive_until_somebody_resumes():
    world = storm(POLICY, 2)
    with world.conn.begin():
        control.pause(world.conn, "model:HeNB-LTE", who="ann", why="an error in 2.0.0", now=world.now)
    world.run(600)
    assert [each.state for each in world.cases()] == ["active"] * 2
    held = world.look(rm.waiting_cases, [each.id for each in world.cases()])
    assert set(held.values()) == {"model:HeNB-LTE is paused: ann: an error in 2.0.0"}
    names = {each.name for case in world.cases() for each in world.journal(case) if each.done}
    assert "Download" not in names
    assert [each["notificationType"] for each in world.outbox()].count("notifyNewAlarm") == 2
    with world.conn.begin():
        control.resume(world.conn, "model:HeNB-LTE", who="ann", why="2.0.1 is out", now=world.now)
    world.run(4000)
    assert [each.outcome for each in world.cases()] == ["REMEDIATED"] * 2
    actions = [each["action"] for each in world.look(dev.audit_entries)]
    assert {"disruptive steps paused", "disruptive steps resumed"} <= set(actions)


def test_a_pause_holds_the_next_rung_of_a_case_that_is_at_work():
    world = World(policy=POLICY)
    world.boot()
    world.henb.tamper("software-modified", world.now, until="factory_reset")
    world.run(20)
    with world.conn.begin():
        control.pause(world.conn, "fleet", who="ann", why="a storm", now=world.now)
    world.run(600)
    (case,) = world.cases()
    *before, last = world.journal(case)
    assert (last.event, last.command_id) == ("held", None)
    assert any(each.name == "Download" for each in before)
    assert world.look(control.overview, world.env.policy.safety, now=world.now).running == 0
    with world.conn.begin():
        control.resume(world.conn, "fleet", who="ann", why="it is over", now=world.now)
    world.run(4000)
    assert world.cases()[-1].outcome == "REMEDIATED"


async def test_failures_open_the_breaker_and_the_managers_are_told(store):
    rules = Safety(stop=StopRule(failures=2, percent=50, window=600), canary=Canary(cases=0))

    def story(conn):
        ids = make_cases(conn, 3)
        for each in ids[:2]:
            assert asks(conn, each, rules=rules) is None
            end_slot(conn, each, "bad")
        held = asks(conn, ids[2], rules=rules)
        assert held is not None
        assert "fleet is paused: stop rule: 2 of the last 2 cases failed within 600 s" in held.reason
        return [msgspec.json.decode(body) for body in conn.execute(select(outbox.c.body)).scalars()]

    (told,) = await store.write(story)
    assert told["commentText"] == "disruptive steps of fleet are stopped until somebody resumes them"

    def resumed(conn):
        with pytest.raises(AcsError, match="a reason"):
            control.resume(conn, "fleet", who="ann", why=" ", now=NOW)
        control.resume(conn, "fleet", who="ann", why="found and mended", now=NOW + 1)
        gives(conn, rules=rules, now=NOW + 1)
        assert len(granted_cases(conn, limit=9)) == 1
        with pytest.raises(AcsError, match="is not paused"):
            control.resume(conn, "fleet", who="ann", why="again", now=NOW + 1)

    await store.write(resumed)


async def test_only_groups_can_be_paused(store):
    for name in ("", "planet", "site", "fleet:x", "site:" + "x" * 300):
        with pytest.raises(AcsError, match="is no group"):
            await store.write(control.pause, name, who="ann", why="because", now=NOW)


def test_ladders_that_fail_stop_the_rest():
    """The image does not help: after two devices that stay broken no other is reset."""
    stop = "stop: {failures: 2, percent: 50}"
    world = storm(POLICY + f"safety: {{limits: {{fleet: {{concurrent: 1}}}}, {stop}}}\n", 1)
    for number in range(3):
        world.add(f"N{number}")
    for each in world.neighbours:
        each.henb.tamper("software-modified", world.now, until="never")
    world.run(6000)
    outcomes = [each.outcome for each in world.cases()]
    assert outcomes.count("EXTENDED") == 2
    assert outcomes.count(None) == 1
    stopped = [each for each in world.comments() if "are stopped until" in each]
    assert any("fleet" in each for each in stopped)
