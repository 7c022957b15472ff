"""Measures as cases take them, and how a released device is readmitted: HeMS and HeNB under virtual time."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from acs import devices as dev
from acs import measures as ms
from acs import remediation as rm
from acs.commands import RefusedRequest, enqueue
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.security import Sealer
from acs.simulator import Fault
from acs.store.tables import measures
from tests.world import POLICY, World

RULES = POLICY + (
    "measures:\n"
    "  rules:\n"
    "    - {when: FATAL, measures: [SEGW_BLOCK, GATEWAY_BLOCK], because: 'it must not come in'}\n"
    "    - {when: FATAL, procedure: P3, measures: [SUBSCRIBER_REPLACE, OTHER], because: 'it is broken'}\n"
    "    - {when: FATAL, probable_cause: CABLE_TAMPER, measures: [SEGW_REMOVE], because: 'not this one'}\n"
    "    - {when: [NO_COMMUNICATION, BLOCK], measures: [SEGW_REMOVE], because: 'it hides'}\n"
    "    - {when: EXTENDED, measures: [SUBSCRIBER_REPLACE], because: 'it does not mend'}\n"
)
ADMIN = "Device.Services.FAPService.1.FAPControl.LTE.AdminState"


def known(world: World) -> World:
    """Name the systems of the network."""
    with world.conn.begin():
        for name, system in (("segw", "SEGW"), ("gateway", "GATEWAY"), ("letters", "SUBSCRIBER")):
            url = f"https://{name}.example/"
            ms.add_target(world.conn, name, system, url, sealer=Sealer(bytes(32)), who="me", now=1.0)
    return world


def fatal(policy: str = RULES) -> World:
    world = known(World(policy=policy))
    world.boot()
    world.tamper("circuit-modified")
    return world


def standing(world: World) -> set[str]:
    return {each.measure for each in world.look(ms.in_force, world.device.id)}


def released(policy: str = RULES) -> World:
    """Return a world in which two persons have let the device in again; it is off."""
    world = fatal(policy)
    world.instruct(world.cases()[-1], "RELEASE", "the board was changed", who="ann@cli")
    world.instruct(world.cases()[-1], "RELEASE", "I saw it", who="bob@cli")
    return world


@pytest.mark.row("S1 L9")
@pytest.mark.row("S1 L47.1")
@pytest.mark.row("S1 L88.1")
def test_a_fatal_breach_has_the_network_do_what_the_policy_says():
    world = fatal()
    assert (world.device.blocked, world.henb.state) == (True, "off")
    found = world.look(ms.list_measures, device_id=world.device.id)[::-1]
    assert [(each.measure, each.target) for each in found] == [
        ("SEGW_BLOCK", "segw"),
        ("GATEWAY_BLOCK", "gateway"),
        ("SUBSCRIBER_REPLACE", "letters"),
    ]
    [case] = world.cases()
    assert {(each.who, each.case_id) for each in found} == {(f"case {case.id}", case.id)}
    assert found[0].because.startswith("it must not come in: ")
    [step] = [each for each in world.journal(case) if each.name == "measures"]
    assert "no system carries out OTHER" in step.result  # told, and the case goes on
    assert (case.state, case.outcome) == ("waiting", "BLOCKED")
    assert "measure blockListAdd at segw: requested" in world.comments()
    told = [each for each in world.look(rm.timeline, case.id) if each.kind == "measure"]
    assert [each.what for each in told] == [
        *("blockListAdd at segw", "block at gateway", "replace at letters"),
    ]


@pytest.mark.row("S1 L47.1")
def test_without_rules_the_network_is_left_alone():
    world = fatal(POLICY)
    assert world.device.blocked
    assert world.look(ms.list_measures) == []


@pytest.mark.row("S1 L66.2")
def test_no_communication_and_an_instruction_to_block_are_occasions_too():
    world = known(World(policy=RULES))
    world.boot()
    world.henb.tamper("configuration-modified", world.now)
    world.run(1)
    world.reachable = False
    world.run(4000)
    [case] = world.cases()
    assert case.outcome == "NO_COMMUNICATION"
    assert standing(world) == {"SEGW_REMOVE"}
    world.instruct(case, "RELEASE", "found again", who="ann@cli")
    assert world.cases()[0].state == "waiting"  # it is undone by two
    world.instruct(case, "RELEASE", "I saw it", who="bob@cli")
    assert (world.cases()[0].outcome, standing(world)) == ("RELEASED", set())


@pytest.mark.row("S1 L97")
def test_what_the_hems_cant_fix_is_an_occasion():
    world = known(World(policy=RULES))
    world.boot()
    world.tamper("configuration-modified", until="never")
    assert world.cases()[0].outcome == "EXTENDED"
    assert standing(world) == {"SUBSCRIBER_REPLACE"}
    world.instruct(world.cases()[0], "BLOCK", "enough", who="ann@cli")
    assert standing(world) == {"SUBSCRIBER_REPLACE", "SEGW_REMOVE"}


def test_a_release_by_one_person_is_not_enough_where_the_network_was_told():
    world = fatal()
    [case] = world.cases()
    assert not world.instruct(case, "RELEASE", "the board was changed", who="ann@cli")
    with pytest.raises(AcsError, match="second person"):
        world.instruct(case, "RELEASE", "again", who="ann@token-3")
    assert world.device.blocked
    assert world.instruct(case, "RELEASE", "I saw it", who="bob@cli")
    assert not world.device.blocked
    assert standing(world) == set()
    entries = world.look(rm.timeline, case.id)
    assert "unblock at gateway" in [each.what for each in entries if each.kind == "measure"]


@pytest.mark.row("S1 L10")
def test_a_released_device_is_reset_and_tested_before_it_may_radiate():
    world = released()
    assert world.device.readmission == "reset"
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.run(2000)
    case = world.cases()[-1]
    assert (case.procedure, case.outcome) == ("READMIT", "READMITTED"), case.because
    steps = [f"{each.name} {each.detail}".strip() for each in world.journal(case)]
    reset, tested = steps.index("FactoryReset"), steps.index("wait for 8 DIAGNOSTICS COMPLETE")
    radiates = steps.index(f"SetParameterValues {ADMIN}")
    assert reset < tested < radiates
    assert world.henb.tree.template.values[ADMIN][0] == "0"  # from the factory
    assert world.henb.tree.value(ADMIN) == "1"
    assert world.henb.executed[-1].method == "FactoryReset"
    assert world.device.readmission == ""
    assert world.alarms() == []
    assert world.comments()[-1].endswith("closed: READMITTED")


def test_nobody_else_has_a_released_device_radiate():
    world = released()
    on = m.SetParameterValues((m.ParameterValue(ADMIN, "1", "xsd:boolean"),), "k")
    with world.conn.begin(), pytest.raises(RefusedRequest, match="may not radiate before it was reset"):
        enqueue(world.conn, world.device.id, on, command_key="k", purpose="operator", now=world.now)
    off = m.SetParameterValues((m.ParameterValue(ADMIN, "0", "xsd:boolean"),), "k")
    with world.conn.begin():
        enqueue(world.conn, world.device.id, off, command_key="k", purpose="operator", now=world.now)


def test_one_that_is_sound_and_cant_be_provisioned_is_not_blocked():
    world = released()
    world.henb.repair()
    world.henb.power_on(world.now, first=True)
    world.run(1)
    world.henb.faults = [Fault("SetParameterValues", 9002, times=20)]  # the test has begun
    world.run(2000)
    assert (world.cases()[-1].procedure, world.cases()[-1].outcome) == ("READMIT", "FAILED")
    assert not world.device.blocked
    assert world.device.readmission == ""


def test_a_released_device_that_is_still_tampered_with_is_blocked_again():
    world = released()
    world.henb.power_on(world.now, first=False)
    world.run(3000)
    assert world.device.blocked
    assert world.cases()[-1].outcome == "BLOCKED"
    assert standing(world) >= {"SEGW_BLOCK", "GATEWAY_BLOCK"}


def test_a_silent_manipulation_is_found_by_the_test():
    world = released()
    world.henb.repair()
    world.henb.tamper("circuit-modified", world.now, silent=True)
    world.henb.power_on(world.now, first=False)
    world.run(3000)
    assert world.device.blocked
    case = world.cases()[-1]
    assert (case.procedure, case.outcome) == ("READMIT", "BLOCKED")
    assert "not sound" in world.device.admission_reason


def test_a_device_that_was_reset_by_hand_is_not_reset_again():
    world = released()
    world.henb.repair()
    world.henb.executed.clear()
    world.henb.power_on(world.now, first=True)  # 0 BOOTSTRAP
    world.run(2000)
    assert world.cases()[-1].outcome == "READMITTED"
    assert "FactoryReset" not in [each.method for each in world.henb.executed]


def test_nothing_is_asked_of_a_released_device_before_it_comes_by_itself():
    world = released()
    world.run(4000)
    assert [each.procedure for each in world.cases()] == ["P3"]
    assert world.device.readmission == "reset"


def test_a_device_that_falls_silent_while_it_is_readmitted_begins_anew():
    world = released()
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.run(1)
    world.reachable = False
    world.run(3000)
    assert [each.outcome for each in world.cases()] == ["RELEASED", "FAILED"]
    world.reachable = True
    world.run(3000)
    assert world.cases()[-1].outcome == "READMITTED"


def test_a_policy_may_ask_for_less():
    world = released(RULES + "  readmission: none\n")
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.run(2000)
    assert [each.procedure for each in world.cases()] == ["P3"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{measures: [SEGW], because: x}", "the measure 'SEGW' is unknown; known are SEGW_BLOCK"),
        ("{measures: [], because: x}", "no measure is named"),
        ("{measures: [OTHER], because: ' '}", "`because` is empty"),
        ("{measures: [OTHER], because: x, when: FATALE}", "when 'FATALE' is unknown"),
        ("{measures: [OTHER], because: x, probable_cause: CABEL}", "probable_cause 'CABEL' is unknown"),
    ],
)
def test_a_rule_that_makes_no_sense_is_told(rule, why):
    with pytest.raises(AcsError, match=why):
        rm.parse_policy(POLICY + f"measures: {{rules: [{rule}]}}\n")


def test_a_device_of_which_a_measure_was_given_up_counts_as_one_in_force():
    world = fatal()
    with world.conn.begin():
        world.conn.execute(update(measures).values(state="dead"))
    assert len(standing(world)) == 3
    assert world.look(lambda conn: conn.execute(select(measures.c.state)).scalars().all()) == ["dead"] * 3


def test_unblocking_by_hand_tells_the_waiting_case():
    world = fatal(POLICY)
    device = world.device
    told = {"who": "ann@cli", "why": "it was a drill", "env": world.env, "now": world.now}
    with world.conn.begin():
        assert rm.unblock(world.conn, device.id, **told)
    assert world.cases()[0].outcome == "RELEASED"
    assert not world.look(dev.get, device.id).blocked


@pytest.mark.row("S1 L82.5")
def test_a_device_that_is_to_help_itself_is_let_in_by_two_and_the_network_with_it():
    world = known(World(policy=RULES, roles=("initial", "serving", "emergency")))
    world.boot()
    world.tamper("circuit-modified")
    world.henb.emergency_available = True
    case = world.cases()[-1]
    assert not world.instruct(case, "EXPECT_EMERGENCY", "it may help itself", who="ann@cli")
    assert world.instruct(case, "EXPECT_EMERGENCY", "I agree", who="bob@cli")
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.henb.begin_emergency(world.now)
    world.run(2000)
    assert world.cases()[-1].outcome == "REMEDIATED"
    assert (world.device.blocked, world.device.readmission, standing(world)) == (False, "", set())


# --- emergency: {blocked: admit} ---------------------------------------------------------------

ADMIT = RULES + "emergency: {blocked: admit}\n"


def helped_itself(policy: str = ADMIT, seconds: float = 2000) -> World:
    """Return a world whose blocked HeNB, which the network keeps out, came with its fail-safe image."""
    world = known(World(policy=policy, roles=("initial", "serving", "emergency")))
    world.boot()
    world.tamper("circuit-modified")
    world.henb.emergency_available = True
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.henb.begin_emergency(world.now)
    world.run(seconds)
    return world


def stands(world: World) -> tuple[str, str | None]:
    return world.cases()[-1].state, world.cases()[-1].outcome


@pytest.mark.row("S1 L47.2")
@pytest.mark.row("S1 L97")
def test_a_policy_that_admits_blocked_devices_does_not_speak_for_the_network():
    world = helped_itself()
    assert stands(world) == ("waiting", "AWAITS_RELEASE"), world.cases()[-1].because
    assert standing(world) == {"SEGW_BLOCK", "GATEWAY_BLOCK", "SUBSCRIBER_REPLACE"}
    assert not world.device.blocked  # it has registered with new software, and passed its test
    assert (world.device.software_version, world.device.readmission) == ("2.0.0", "reset")
    assert world.henb.tree.value(ADMIN) == "0"
    world.instruct(world.cases()[-1], "RELEASE", "it is sound", who="ann@cli")
    assert stands(world) == ("waiting", "AWAITS_RELEASE")
    world.instruct(world.cases()[-1], "RELEASE", "I saw it", who="bob@cli")
    world.run(2000)
    assert stands(world) == ("closed", "REMEDIATED")
    assert (world.device.readmission, standing(world), world.henb.tree.value(ADMIN)) == ("", set(), "1")


def test_it_takes_a_person_where_it_does_not_take_two():
    world = helped_itself(RULES + "  second_approval: false\nemergency: {blocked: admit}\n")
    assert stands(world) == ("waiting", "AWAITS_RELEASE")
    assert "SEGW_BLOCK" in standing(world)
    with world.conn.begin():  # as `acs devices unblock` does
        told = {"who": "ann@cli", "why": "it is sound", "env": world.env, "now": world.now}
        assert rm.unblock(world.conn, world.device.id, **told)
    world.run(2000)
    assert stands(world) == ("closed", "REMEDIATED")
    assert standing(world) == set()


@pytest.mark.parametrize("action", ["BLOCK", "CLOSE"])
def test_one_that_nobody_releases_is_on_the_black_list_again(action):
    world = helped_itself()
    world.instruct(world.cases()[-1], action, "we do not trust it")
    assert world.device.blocked
    assert standing(world) >= {"SEGW_BLOCK", "GATEWAY_BLOCK"}


@pytest.mark.row("S1 L84")
def test_where_emergency_remediation_of_a_blocked_device_fails_it_is_on_the_black_list_again():
    world = helped_itself(seconds=0)
    for _ in range(2000):
        if not world.henb.fail_safe:
            break
        world.run(1)
    world.henb.banks.versions = ["1.0.0", "1.0.0"]  # the new software does not boot
    world.run(2000)
    assert stands(world) == ("waiting", "EMERGENCY_FAILED")
    assert world.device.blocked
    assert standing(world) >= {"SEGW_BLOCK", "GATEWAY_BLOCK"}


def test_a_device_that_was_blocked_by_hand_is_not_expected_since_its_case_waits_for_a_session():
    world = known(World(policy=RULES, distress=1, roles=("initial", "serving", "emergency")))
    world.boot()
    world.henb.emergency_available = True
    world.henb.tamper("configuration-modified", world.now)
    world.run(1)
    world.cut |= {"standard", "trigger", "IPsec2"}
    while not world.triggers:
        world.run(10)
    with world.conn.begin():
        dev.block(world.conn, world.device.id, "stolen", who="ann@cli", now=world.now)
    world.run(130)  # its case waits for a session over the second path now
    world.cut.clear()
    assert world.look(rm.emergency_expected, world.device, env=world.env) is False


# --- a block by hand ----------------------------------------------------------------------------


def block_by_hand(world: World, *measures: str, who: str = "ann@cli") -> bool:
    told = {"who": who, "why": "it was stolen", "env": world.env, "now": world.now}
    with world.conn.begin():
        return rm.block(world.conn, world.device.id, measures, **told)


@pytest.mark.row("S1 L88.1")
@pytest.mark.row("S1 L92")
def test_a_block_by_hand_asks_the_network_for_what_the_policy_says():
    world = known(World(policy=RULES))
    world.boot()
    assert block_by_hand(world, "SUBSCRIBER_REPLACE")
    assert world.device.blocked
    assert standing(world) == {"SEGW_REMOVE", "SUBSCRIBER_REPLACE"}  # the policy's, and what was named
    assert world.comments()[:2] == ["blocked in the HeMS", "measure allowListRemove at segw: requested"]
    assert {each.who for each in world.look(ms.list_measures)} == {"ann@cli"}
    told = {"why": "found", "env": world.env, "now": world.now}
    with world.conn.begin():
        assert not rm.unblock(world.conn, world.device.id, who="ann@cli", **told)
    with world.conn.begin():
        assert rm.unblock(world.conn, world.device.id, who="bob@cli", **told)
    assert (world.device.blocked, world.device.readmission, standing(world)) == (False, "reset", set())


def test_a_block_by_hand_tells_the_case_that_waits():
    world = known(World(policy=RULES))
    world.boot()
    world.tamper("configuration-modified", until="never")
    assert block_by_hand(world)
    assert stands(world) == ("waiting", "BLOCKED")
    assert standing(world) == {"SUBSCRIBER_REPLACE", "SEGW_REMOVE"}  # for EXTENDED, and for BLOCK
    assert world.comments().count("blocked in the HeMS") == 1


def test_rules_about_alarms_see_those_of_the_open_case():
    rules = RULES + "    - {when: BLOCK, procedure: P2S, measures: [GATEWAY_BLOCK], because: 'this too'}\n"
    world = known(World(policy=rules))
    world.boot()
    world.henb.tamper("software-modified", world.now)
    world.run(1)  # its case is at work, and waits for nobody
    assert block_by_hand(world)
    assert standing(world) == {"SEGW_REMOVE", "GATEWAY_BLOCK"}


def test_a_block_by_hand_takes_two_where_the_instruction_does():
    world = known(World(policy=RULES + "distress: {second_approval: [BLOCK]}\n"))
    world.boot()
    assert not block_by_hand(world)
    assert (world.device.blocked, standing(world)) == (False, set())
    with pytest.raises(AcsError, match="second person"):
        block_by_hand(world)
    assert block_by_hand(world, who="bob@cli")
    assert world.device.blocked
    assert standing(world) == {"SEGW_REMOVE"}


@pytest.mark.parametrize(
    ("measure", "why"), [("SEGW", "is no measure"), ("OTHER", "no system carries out OTHER")]
)
def test_a_measure_that_nobody_takes_is_told_before_anything_is_done(measure, why):
    world = known(World(policy=RULES))
    world.boot()
    with pytest.raises(AcsError, match=why):
        block_by_hand(world, measure)
    assert not world.device.blocked


@pytest.mark.row("S1 L88.1")
def test_an_approval_does_not_cover_measures_that_came_after_it():
    world = known(World(policy=RULES, roles=("initial", "serving", "emergency")))
    world.boot()
    world.tamper("circuit-modified")
    world.henb.emergency_available = True
    for who in ("ann@cli", "bob@cli"):
        world.instruct(world.cases()[-1], "EXPECT_EMERGENCY", "it may help itself", who=who)
    assert one_more_is_asked(world)
    world.henb.repair()
    world.henb.power_on(world.now, first=False)
    world.henb.begin_emergency(world.now)
    world.run(2000)
    assert stands(world) == ("waiting", "AWAITS_RELEASE")
    assert "SEGW_REMOVE" in standing(world)


def one_more_is_asked(world: World) -> bool:
    """Have a person ask for one more measure, without a block."""
    world.run(1)
    told = {"who": "eve@cli", "because": "it is at the wrong place", "system_dn": "DC=x", "now": world.now}
    with world.conn.begin():
        return bool(ms.request_measures(world.conn, world.device, ["SEGW_REMOVE"], **told))
