"""The HeMS's side of 5.7.3.1, transition by transition, with the HeNB under virtual time."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from acs import devices as dev
from acs.commands import list_commands
from acs.cwmp import messages as m
from acs.distress import may_send, path_told
from acs.errors import AcsError
from acs.simulator import Fault
from acs.store.tables import audit
from tests.world import POLICY, World

WAITING = ("waiting", "NO_COMMUNICATION")
EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}


def cut_off(
    world: World,
    *cuts: str,
    tamper: str = "configuration-modified",
    until: str = "reboot",
    seconds: float = 4000,
) -> None:
    """Have an alarm come in over the standard path; from the end of that session on, things are cut."""
    world.boot()
    hold = world.session

    def session() -> None:
        hold()
        if world.cases():
            world.cut |= set(cuts)
            world.session = hold

    world.session = session
    world.henb.tamper(tamper, world.now, until=until)
    world.run(seconds)


def stay_away(world: World) -> None:
    """Have the HeNB take the second path only when it is triggered."""
    world.henb.distress.silence_tries = world.henb.distress.alarm_tries = 1000


def only_case(world: World):
    (case,) = world.cases()
    return case


def state(world: World) -> tuple[str, str | None]:
    return only_case(world).state, only_case(world).outcome


def step_names(world: World) -> list[str]:
    return [each.name for each in world.journal(only_case(world))]


@pytest.mark.row("S1 L62.2")
@pytest.mark.row("S1 L62.3")
@pytest.mark.row("S1 L72")
def test_a_trigger_has_the_session_come_over_the_standard_path():
    """H-41, H-45, H-46: connection requests are blocked, sessions are not."""
    world = World(distress=1)
    world.boot()
    world.cut = {"call"}
    world.reach()
    world.run(300)
    case = only_case(world)
    assert (case.procedure, case.state, case.outcome) == ("REACH", "closed", "REACHED")
    assert case.because == "over the standard path"
    assert [kind for kind, _ in world.triggers] == ["IPsec2"]
    assert set(world.channels) == {"standard"}
    assert "communication restored" in world.comments()


@pytest.mark.row("S1 L62.1")
@pytest.mark.row("S1 L64.2")
@pytest.mark.row("S1 L70")
def test_what_the_standard_path_does_not_carry_is_performed_over_the_second():
    """H-25, H-42, H-47, H-48, H-49."""
    world = World(distress=1)
    cut_off(world, "standard")
    assert state(world) == ("closed", "REMEDIATED")
    assert only_case(world).because == "factory_reset over the second path, IPsec2"
    assert world.channels[-1] == "IPsec2"
    assert world.alarms() == []
    assert world.henb.state == "running"
    told = world.comments()
    assert told.index("connected over the second path, IPsec2") < told.index(
        "remediated over the second path, IPsec2"
    )


@pytest.mark.row("S1 L54.2")
@pytest.mark.row("S1 L54.4")
def test_over_the_second_path_only_the_simplified_protocol_is_spoken():
    world = World(distress=1)
    sent = []
    handle = type(world.henb).handle

    class Henb:
        """Notes what is asked over a distress channel."""

        def __get__(self, henb, owner):
            def note(request, now):
                if henb.session_path() is not None:
                    sent.append(request)
                return handle(henb, request, now)

            return note

    type(world.henb).handle, kept = Henb(), handle
    try:
        cut_off(world, "standard")
    finally:
        type(world.henb).handle = kept
    assert {type(each).__name__ for each in sent} == {
        *("GetParameterValues", "SetParameterValues", "Reboot", "FactoryReset"),
    }
    assert all(may_send(each) for each in sent)


@pytest.mark.row("S1 L54.2")
def test_a_command_outside_of_it_waits_for_the_standard_path():
    world = World(distress=1)
    cut_off(world, "standard")
    waiting = [each for each in world.look(list_commands, state="queued") if each.purpose == "case"]
    assert [each.method for each in waiting] == ["GetParameterValues"] or waiting == []
    world.cut.clear()
    world.henb.report("Device.DeviceInfo.SoftwareVersion", "1.0.1")
    world.run(2000)
    assert world.channels[-1] == "standard"
    assert not world.look(list_commands, state="queued")


@pytest.mark.row("S1 L42.3")
@pytest.mark.row("S1 L64.2")
def test_software_is_reloaded_over_the_second_path():
    world = World(distress=1)
    stay_away(world)
    cut_off(world, "standard", tamper="software-modified", until="reboot", seconds=8000)
    assert state(world) == ("closed", "REMEDIATED"), world.journal(only_case(world))
    assert "reboot over the second path" in only_case(world).because
    assert world.henb.banks.running == "2.0.0"


@pytest.mark.row("S1 L54.6")
def test_the_paths_are_tried_in_order():
    """H-50: the first two are dead, the third carries it."""
    world = World(distress=3)
    stay_away(world)
    cut_off(world, "standard", "trigger IPsec2", "trigger Internet", "IPsec2", "Internet")
    assert state(world) == ("closed", "REMEDIATED")
    assert [kind for kind, _ in world.triggers] == ["IPsec2", "Internet", "AirInterface"]
    assert world.channels[-1] == "AirInterface"


@pytest.mark.row("S1 L66.2")
def test_without_communication_the_managers_are_told_and_decide():
    """H-51."""
    world = World(distress=2)
    cut_off(world, *EVERYTHING)
    assert state(world) == WAITING
    assert world.comments()[-1] == "no communication possible"
    assert world.comments().count("no communication possible") == 1
    assert [kind for kind, _ in world.triggers] == ["IPsec2", "Internet"]
    details = [each.detail for each in world.journal(only_case(world))]
    assert "the trigger over IPsec2: sent" in details  # from here on it was lost, and not before


@pytest.mark.row("S1 L53")
def test_distress_channels_are_optional():
    """H-44."""
    world = World()
    cut_off(world, "standard")
    assert state(world) == WAITING
    assert world.triggers == []


def test_a_device_that_comes_back_by_itself_is_gone_on_with():
    """H-53."""
    world = World()
    cut_off(world, "standard")
    world.cut.clear()
    world.run(4000)
    assert state(world) == ("closed", "REMEDIATED")
    assert "communication restored" in world.comments()


def test_a_device_that_comes_back_over_the_second_path_is_treated_there():
    world = World(distress=1)
    stay_away(world)
    cut_off(world, "standard", "trigger")
    assert state(world) == WAITING
    world.henb.distress.silence_tries = 1
    world.run(4000)
    assert state(world) == ("closed", "REMEDIATED")


def without_communication(policy: str = POLICY) -> World:
    world = World(distress=1, policy=policy)
    stay_away(world)
    cut_off(world, "standard", "trigger")
    assert state(world) == WAITING
    return world


@pytest.mark.row("S1 L66.2")
def test_retry_begins_anew_with_the_first_path():
    world = without_communication()
    world.instruct(only_case(world), "RETRY", "the firewall was mended")
    world.run(1000)
    assert state(world) == WAITING
    assert [kind for kind, _ in world.triggers] == ["IPsec2", "IPsec2"]
    world.cut.clear()
    world.instruct(only_case(world), "RETRY", "now it was")
    world.run(4000)
    assert state(world) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L66.2")
@pytest.mark.row("S1 L92")
def test_block_refuses_the_device_until_it_is_released():
    world = without_communication()
    world.instruct(only_case(world), "BLOCK", "it was stolen")
    assert state(world) == ("waiting", "BLOCKED")
    assert world.device.blocked
    world.cut.clear()
    world.run(20_000)
    assert "blocked" in world.refused
    with pytest.raises(AcsError, match="RELEASE, EXPECT_EMERGENCY, CLOSE"):
        world.instruct(only_case(world), "RETRY")
    world.instruct(only_case(world), "RELEASE", "found again")
    assert world.cases()[0].outcome == "RELEASED"
    assert not world.device.blocked


def test_release_and_close_end_the_case():
    for action, outcome in (("RELEASE", "RELEASED"), ("CLOSE", "NO_COMMUNICATION")):
        world = without_communication()
        world.instruct(only_case(world), action, "scrapped")
        assert state(world) == ("closed", outcome)
        assert only_case(world).because == "scrapped"


def test_a_device_in_emergency_remediation_is_waited_for():
    world = without_communication()
    world.instruct(only_case(world), "EXPECT_EMERGENCY", "it boots its fail-safe image")
    world.run(3000)
    assert (only_case(world).state, only_case(world).outcome) == ("active", None)
    world.run(7200)
    assert state(world) == WAITING
    assert "emergency remediation is not heard of" in world.comments()
    world.instruct(only_case(world), "EXPECT_EMERGENCY", "once more")
    world.cut.clear()
    world.run(5000)
    assert state(world) == ("closed", "REMEDIATED")


def test_an_instruction_may_take_two_persons():
    world = without_communication(POLICY + "distress: {second_approval: [BLOCK]}\n")
    case = only_case(world)
    assert not world.instruct(case, "BLOCK", "it was stolen", who="anna@token-1")
    assert state(world) == WAITING
    for same in ("anna@token-1", "anna@token-2", "anna@cli"):  # two tokens do not make two persons
        with pytest.raises(AcsError, match="second person"):
            world.instruct(case, "BLOCK", "really", who=same)
    assert world.instruct(case, "BLOCK", "confirmed", who="ben@cli")
    assert world.device.blocked
    because = "instructed by anna@token-1 and ben@cli: it was stolen; confirmed"
    assert world.device.admission_reason == because


@pytest.mark.row("S1 L66.2")
@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("RETRY", ("active", None)),
        ("BLOCK", ("waiting", "BLOCKED")),
        ("RELEASE", ("closed", "RELEASED")),
        ("EXPECT_EMERGENCY", ("active", None)),
        ("CLOSE", ("closed", "NO_COMMUNICATION")),
    ],
)
def test_each_instruction_has_who_and_why_and_may_take_two_persons(action, after):
    world = without_communication(POLICY + f"distress: {{second_approval: [{action}]}}\n")
    case = only_case(world)
    assert not world.instruct(case, action, "no hope", who="anna@token-1")
    assert state(world) == WAITING
    with pytest.raises(AcsError, match="say why"):
        world.instruct(case, action, " ", who="ben@cli")
    with pytest.raises(AcsError, match="second person"):
        world.instruct(case, action, "no hope", who="anna@cli")
    assert world.instruct(case, action, "agreed", who="ben@cli")
    assert state(world) == after
    kept = world.look(lambda conn: conn.execute(select(audit)).all())
    mine = [(each.who, each.detail) for each in kept if each.action == f"case {action}"]
    assert mine == [("anna@token-1 and ben@cli", "no hope; agreed")]


def test_a_case_is_not_taken_up_for_ever():
    """The standard path breaks down again and again in the same place."""
    world = World(distress=1)
    world.boot()
    talk = world._talk

    def break_off() -> None:
        if world.cases():
            world.lose = lambda where: True
            opened = world.henb.inform(world.now)
            world.lose = lambda where: False
            world._open(opened)
            world.henb.informed(opened)
            from tests.world import LostError

            raise LostError
        talk()

    world._talk = break_off
    world.henb.tamper("configuration-modified", world.now, until="reboot")
    world.run(40_000)
    assert only_case(world).state == "waiting"
    assert len(world.triggers) <= 12


def test_the_number_of_triggers_an_hour_is_limited():
    world = World(distress=1, policy=POLICY + "distress: {triggers_per_hour: 1}\n")
    stay_away(world)
    cut_off(world, "standard", "trigger", seconds=1500)
    world.instruct(only_case(world), "RETRY")
    world.run(300)
    assert len(world.triggers) == 1
    assert any("too many" in each.detail for each in world.journal(only_case(world)))


def test_a_forced_request_is_refused_where_it_makes_no_sense():
    world = World(distress=1)
    world.boot()
    with pytest.raises(AcsError, match="needs a reason"):
        world.reach(" ")
    world.reach()
    with pytest.raises(AcsError, match="has the open case"):
        world.reach()
    world.run(300)
    with world.conn.begin():
        dev.block(world.conn, world.device.id, "stolen", who="anna", now=world.now)
    with pytest.raises(AcsError, match="is blocked: stolen"):
        world.reach()


@pytest.mark.row("S1 L72")
def test_a_forced_request_is_answered_over_the_second_path():
    world = World(distress=1)
    world.boot()
    world.cut = {"standard"}
    world.reach()
    world.run(600)
    assert only_case(world).outcome == "REACHED"
    assert only_case(world).because == "over the second path, IPsec2; the standard path does not work"


@pytest.mark.row("S1 L72")
def test_a_device_that_answers_over_the_second_path_with_a_fault_is_reached():
    world = World(distress=1)
    world.boot()
    world.cut = {"standard"}
    world.henb.faults = [Fault("GetParameterValues", 9002, 9)]
    world.reach()
    world.run(600)
    assert only_case(world).outcome == "REACHED"
    assert "if with a fault: GetParameterValues: fault 9002" in only_case(world).because


@pytest.mark.row("S1 L66.2")
def test_the_managers_read_over_which_path_it_came_not_over_which_it_was_called():
    """It is triggered over the first; the first carries no session, so it comes over the next that does."""
    world = World(distress=3)
    stay_away(world)
    cut_off(world, "standard", "IPsec2")
    assert state(world) == ("closed", "REMEDIATED")
    assert [kind for kind, _ in world.triggers] == ["IPsec2"]
    assert world.channels[-1] == "Internet"
    assert "connected over the second path, Internet" in world.comments()
    assert not any("second path, IPsec2" in each for each in world.comments())


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (m.Event("X 0005B9 DISTRESS", "Internet"), "Internet"),
        (m.Event("X 0005B9 DISTRESS", "<b>Internet</b>"), ""),
        (m.Event("X 0005B9 OTHER", "Internet"), ""),
        (m.Event("1 BOOT", "Internet"), ""),
    ],
)
def test_what_a_device_says_of_its_path_is_one_of_those_that_there_are(event, path):
    assert path_told([m.Event("0 BOOTSTRAP"), event]) == path
