"""Emergency remediation (S1 5.7.3.2): HeMS and HeNB under virtual time, transition by transition."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.commands import enqueue, list_commands
from acs.cwmp import messages as m
from acs.simulator import Fault
from tests.remediation.emergencies import (
    ADMIN_STATE,
    EVERYTHING,
    FAILED,
    RADIO,
    begins_again,
    cut_off,
    heard,
    only_case,
    state,
    step_names,
    world_of,
)
from tests.world import POLICY, World

# --- the whole of it -------------------------------------------------------------------------


@pytest.mark.row("S1 L82.4")
@pytest.mark.row("S1 L82.5")
def test_a_henb_that_nobody_reaches_is_given_software_and_registers_with_it():
    """N-33, N-51, N-52, N-60; H-80, H-81, H-82, H-83."""
    world = world_of()
    cut_off(world)
    case = only_case(world)
    assert (case.procedure, *state(case)) == ("EM", "closed", "REMEDIATED"), case.because
    assert world.device.software_version == world.device.provisioned_for == "2.0.0"
    assert [each.id for each in world.henb.stages.history if each.id in ("N-33", "N-51", "N-52", "N-60")] == [
        *("N-60", "N-33", "N-51", "N-52", "N-52", "N-60"),
    ]
    assert world.henb.tree.value(ADMIN_STATE) == world.henb.tree.value(RADIO) == "1"
    assert world.alarms() == []


@pytest.mark.row("S1 L82.3")
def test_the_fail_safe_image_is_given_software_and_nothing_else():
    world = world_of()
    requests = heard(world)
    with world.conn.begin():
        request = m.GetParameterNames("Device.", next_level=True)
        found = dev.find(world.conn, world.key)
        enqueue(world.conn, found.id, request, command_key="o", purpose="operator", priority=0, now=world.now)
    cut_off(world)
    assert [type(each) for fail_safe, each in requests if fail_safe] == [m.Download]
    assert any(isinstance(each, m.GetParameterNames) for fail_safe, each in requests if not fail_safe)
    assert state(world.cases()[-1]) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L82.5")
def test_integrity_and_place_are_examined_before_the_radio_is_unlocked():
    world = world_of()
    with world.conn.begin():
        dev.set_site_values(world.conn, "roof-1", {"latitude": "48.2082", "longitude": "16.3738"})
        dev.set_site(world.conn, world.device.id, "roof-1")
    requests = heard(world)
    cut_off(world)
    after = [each for fail_safe, each in requests if not fail_safe]
    sets = [each for each in after if isinstance(each, m.SetParameterValues)]
    names = [[value.name for value in each.parameters] for each in sets]
    tested = names.index(["Device.SelfTestDiagnostics.DiagnosticsState"])
    held = ("Device.FaultMgmt.", "Device.ManagementServer.")
    assert all(name.startswith(held) for each in names[:tested] for name in each)
    unlocked = next(
        number
        for number, each in enumerate(after)
        if each in sets and ADMIN_STATE in {value.name for value in each.parameters}
    )
    reads = [each.names for each in after[:unlocked] if isinstance(each, m.GetParameterValues)]
    assert ("Device.FAP.GPS.",) in reads
    assert ("Device.SelfTestDiagnostics.DiagnosticsState", "Device.SelfTestDiagnostics.Results") in reads


@pytest.mark.row("S1 L82.4")
def test_an_image_that_knows_no_request_download_asks_by_an_event():
    world = world_of()
    world.henb.emergency.vendor_event = True
    cut_off(world)
    assert state(only_case(world)) == ("closed", "REMEDIATED")


def test_a_transfer_complete_that_gets_lost_does_no_harm():
    world = world_of()

    class Mute(type(world.henb)):
        __slots__ = ()

        def fail_safe_downloaded(self, version, told):
            super().fail_safe_downloaded(version, told)
            self.outgoing.clear()
            self.events.clear()
            self._leave_fail_safe(world.now)

    world.henb.__class__ = Mute
    cut_off(world, seconds=8000)
    assert state(only_case(world)) == ("closed", "REMEDIATED"), world.journal(only_case(world))


def test_the_radio_is_off_while_the_fail_safe_image_runs():
    world = world_of()
    assert world.henb.tree.value(RADIO) == "1"
    cut_off(world, seconds=0)
    assert world.henb.fail_safe
    assert world.henb.tree.value(RADIO) == "0"


# --- the case it belongs to ------------------------------------------------------------------


def lost_after_alarm(world: World, *, tamper: str = "software-modified", until: str = "reboot") -> rm.Case:
    """Have an alarm come in and everything be cut from then on, until the managers are asked."""
    hold = world.session

    def session() -> None:
        hold()
        if world.cases():
            world.cut |= EVERYTHING
            world.session = hold

    world.session = session
    world.henb.distress.silence_tries = 1000
    world.henb.tamper(tamper, world.now, until=until)
    world.run(8000)
    case = only_case(world)
    assert state(case) == ("waiting", "NO_COMMUNICATION")
    return case


@pytest.mark.row("S1 L66.1")
@pytest.mark.row("S1 L82.4")
def test_it_is_attached_to_the_case_that_waits_for_the_henb():
    """H-52, H-80."""
    world = world_of()
    case = lost_after_alarm(world)
    world.instruct(case, "EXPECT_EMERGENCY", "it should help itself")
    world.henb.distress.silence_tries = 1
    world.henb.emergency.sessions = 50
    world.henb.report("Device.DeviceInfo.SoftwareVersion", "1.0.0 ")
    for _ in range(4000):
        if world.henb.fail_safe:
            break
        world.run(1)
    world.cut.clear()
    world.run(8000)
    assert state(only_case(world)) == ("closed", "REMEDIATED"), only_case(world).because
    assert only_case(world).id == case.id
    assert "emergency remediation" in step_names(world, case)
    assert world.alarms() == []


@pytest.mark.row("S1 L82.4")
def test_a_case_that_is_at_work_is_superseded_and_its_alarm_taken_over():
    """H-80."""
    world = world_of()
    world.henb.faults = [Fault("SetParameterValues", 9002, times=50)]
    world.henb.tamper("configuration-modified", world.now)
    world.run(2)
    world.henb.faults = []
    world.henb.begin_emergency(world.now)
    world.run(4000)
    first, second = world.cases()
    assert (first.procedure, first.outcome) == ("P2R", "SUPERSEDED")
    assert (second.procedure, *state(second)) == ("EM", "closed", "REMEDIATED"), second.because
    assert second.alarm_id == first.alarm_id
    assert world.alarms() == []


def test_no_other_case_is_opened_while_the_fail_safe_image_runs():
    world = world_of(image=None)
    world.henb.emergency.sessions = 1
    cut_off(world)
    assert [each.procedure for each in world.cases()] == ["EM"]
    assert len(world.cases("provisioning")) == 1
    world.instruct(only_case(world), "CLOSE", "somebody goes there")
    assert len(world.cases()) == 1


# --- devices on the black list ---------------------------------------------------------------


def blocked_world(policy: str = POLICY) -> World:
    world = world_of(policy=policy)
    world.tamper("circuit-modified")
    assert world.device.blocked
    world.henb.tampers.clear()  # it was mended on site
    world.henb.power_on(world.now, first=False)
    return world


@pytest.mark.row("S1 L47.2")
def test_a_blocked_henb_is_served_only_where_that_is_expected():
    """H-71, H-80."""
    world = blocked_world()
    world.henb.begin_emergency(world.now)
    world.run(1000)
    assert "blocked" in world.refused
    assert world.henb.state == "off"
    case = only_case(world)
    world.instruct(case, "EXPECT_EMERGENCY", "it is to load new software")
    begins_again(world)
    world.run(4000)
    assert state(only_case(world)) == ("closed", "REMEDIATED"), only_case(world).because
    assert not world.device.blocked
    assert world.device.software_version == "2.0.0"


@pytest.mark.row("S1 L47.2")
@pytest.mark.parametrize(
    ("blocked", "outcomes"), [("refuse", ["BLOCKED"]), ("admit", ["SUPERSEDED", "REMEDIATED"])]
)
def test_the_policy_decides_about_blocked_henbs(blocked, outcomes):
    world = blocked_world(POLICY + f"emergency: {{blocked: {blocked}}}\n")
    if blocked == "refuse":
        world.instruct(only_case(world), "EXPECT_EMERGENCY", "it does not help")
        world.run(10)
    world.henb.begin_emergency(world.now)
    world.run(20_000)
    assert [each.outcome for each in world.cases()] == outcomes
    assert world.device.blocked == (blocked == "refuse")


@pytest.mark.row("S1 L47.2")
def test_a_henb_that_is_blocked_in_the_middle_of_it_is_served_no_more():
    world = world_of(image=None)
    world.henb.emergency.sessions = 30
    cut_off(world, seconds=100)
    assert world.henb.fail_safe
    with world.conn.begin():
        dev.block(world.conn, world.device.id, "it was stolen", who="operator", now=world.now)
        world._approve("2.0.0")
    world.run(20_000)
    assert set(world.refused) == {"blocked"}
    assert world.device.software_version == "failsafe-1.0"


def test_a_blocked_henb_that_is_not_heard_of_stays_blocked():
    world = blocked_world()
    world.henb.shut_down()
    world.instruct(only_case(world), "EXPECT_EMERGENCY", "it should come")
    world.run(10_000)
    assert state(only_case(world)) == ("waiting", "BLOCKED")
    assert world.device.blocked
    assert "emergency remediation is not heard of" in world.comments()


# --- when it fails ---------------------------------------------------------------------------


def failures(world: World) -> list[str]:
    return [
        each["because"]
        for each in world.outbox()
        if each.get("commentText") == "emergency remediation failed"
    ]


@pytest.mark.row("S1 L84")
def test_without_an_image_the_managers_are_told_and_the_henb_shuts_down():
    """H-84, N-53."""
    world = world_of(image=None)
    cut_off(world)
    assert state(only_case(world)) == FAILED
    assert "no software image is approved" in failures(world)[0]
    assert (world.henb.state, world.henb.stage) == ("off", "N14")
    assert world.henb.tree.value(RADIO) == "0"
    assert world.henb.emergency.why == "it was given no software"


@pytest.mark.row("S1 L84")
def test_where_the_download_fails_the_managers_are_told_and_the_henb_shuts_down():
    """H-84, N-53."""
    world = world_of()
    world.henb.faults = [Fault("Download", 9018, times=50)]
    cut_off(world)
    assert state(only_case(world)) == FAILED
    assert all("9018" in each for each in failures(world))
    assert (world.henb.state, world.henb.stage) == ("off", "N14")
    assert world.henb.banks.versions == ["1.0.0", "1.0.0"]


@pytest.mark.row("S1 L84")
def test_a_henb_that_does_not_register_in_time_is_reported():
    """H-84: t_em elapses."""
    world = world_of()
    cut_off(world, seconds=0)
    while world.henb.fail_safe:
        world.run(1)
    world.cut = {"standard"}
    world.run(8000)
    assert failures(world) == ["the HeNB did not register within 3600 s"]
    assert world.henb.emergency.why == "it could not register"
    assert (world.henb.state, world.henb.stage) == ("off", "N14")
    world.cut.clear()
    world.henb.power_on(world.now)
    world.run(4000)
    assert state(only_case(world)) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L84")
def test_a_henb_that_comes_with_other_software_is_reported():
    world = world_of()
    cut_off(world, seconds=0)
    while world.henb.fail_safe:
        world.run(1)
    world.henb.banks.versions = ["1.0.0", "1.0.0"]
    world.run(4000)
    assert failures(world) == ["the HeNB came with '1.0.0', not with '2.0.0'"]
    assert state(only_case(world)) == FAILED


@pytest.mark.row("S1 L84")
def test_a_henb_that_falls_back_to_its_fail_safe_image_is_reported_and_may_try_again():
    world = world_of()
    cut_off(world, seconds=0)
    while world.henb.fail_safe:
        world.run(1)
    world.henb.begin_emergency(world.now)  # the new software does not boot
    world.run(4000)
    assert failures(world) == ["the HeNB came with 'failsafe-1.0', not with '2.0.0'"]
    assert state(only_case(world)) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L84")
def test_a_henb_begins_again_by_itself_only_so_often():
    world = world_of(image=None)
    world.henb.emergency.sessions = 30
    cut_off(world, seconds=10_000)
    assert len(failures(world)) == 3
    steps = len(world.journal(only_case(world)))
    world.henb.power_on(world.now)
    world.henb.begin_emergency(world.now)
    world.run(10_000)
    assert len(world.journal(only_case(world))) == steps


@pytest.mark.row("S1 L84")
def test_the_managers_instruct_what_becomes_of_it():
    world = world_of(image=None)
    world.henb.emergency.sessions = 1
    cut_off(world)
    assert state(only_case(world)) == FAILED
    world.instruct(only_case(world), "BLOCK", "it was stolen")
    assert world.device.blocked
    world.instruct(only_case(world), "RELEASE", "it was found")
    assert state(only_case(world)) == ("closed", "RELEASED")


@pytest.mark.row("S1 L84")
def test_after_retry_it_waits_for_the_henb_again():
    world = world_of(image=None)
    world.henb.emergency.sessions = 1
    cut_off(world)
    with world.conn.begin():
        world._approve("2.0.0")
    world.instruct(only_case(world), "RETRY", "there is an image now")
    world.run(600)
    assert only_case(world).state == "active"
    begins_again(world)
    world.run(4000)
    assert state(only_case(world)) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L84")
def test_software_that_does_not_pass_its_test_is_not_let_on_the_air():
    world = world_of()
    cut_off(world, seconds=0)
    while world.henb.fail_safe:
        world.run(1)
    world.henb.tamper("software-behaviour", world.now, silent=True)
    world.henb.emergency.discovering = False  # it does not look at itself
    world.run(4000)
    assert failures(world) == ["the new software does not pass the test: sw"]
    assert world.henb.tree.value(ADMIN_STATE) == "0"


@pytest.mark.row("S1 L84")
def test_emergency_remediation_that_does_not_last_is_for_people_to_decide():
    world = world_of()
    for number in range(3):
        cut_off(world)
        assert len(world.cases()) == number + 1
    assert [each.outcome for each in world.cases()] == ["REMEDIATED", "REMEDIATED", "EMERGENCY_FAILED"]
    assert failures(world) == ["emergency remediation was done 2 times, and it did not last"]
    begins_again(world)
    world.instruct(world.cases()[-1], "RETRY", "once more")
    world.run(4000)
    assert state(world.cases()[-1]) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L84")
def test_while_people_decide_a_fail_safe_image_is_served_no_more():
    """It should have shut down; the credentials of the image are good for nothing meanwhile."""
    world = world_of(image=None)
    world.henb.emergency.sessions = 30
    cut_off(world, seconds=10_000)
    assert len(failures(world)) == 3
    assert world.refused[-1] == "emergency-failed"
    epoch = world.device.session_epoch
    begins_again(world)
    world.run(1000)
    assert world.device.session_epoch == epoch  # nothing of it is stored
    with world.conn.begin():
        world._approve("2.0.0")
    world.instruct(only_case(world), "RETRY", "there is an image now")
    begins_again(world)
    world.run(4000)
    assert state(only_case(world)) == ("closed", "REMEDIATED")


@pytest.mark.row("S1 L84")
def test_one_that_may_still_try_by_itself_is_served():
    world = world_of(image=None)
    world.henb.emergency.sessions = 1
    cut_off(world)
    assert state(only_case(world)) == FAILED
    assert world.look(rm.emergency_over, world.device) == ""


@pytest.mark.row("S1 L84")
def test_a_henb_that_waits_for_people_has_no_longer_the_credentials_of_its_factory():
    """It was reset; what failed is its examination."""
    world = world_of()
    cut_off(world, seconds=0)
    while world.henb.fail_safe:
        world.run(1)
    interval = "Device.ManagementServer.PeriodicInformInterval"
    assert world.henb.connection_request_password == ""
    world.henb.tamper("software-behaviour", world.now, silent=True)
    world.henb.emergency.discovering = False  # it does not look at itself
    world.run(4000)
    assert state(only_case(world)) == FAILED
    assert world.henb.connection_request_password != ""
    assert world.henb.tree.value(interval) == "900"
    assert world.henb.tree.value(ADMIN_STATE) == "0"


def test_a_fail_safe_image_that_asks_for_something_else_is_given_nothing():
    world = world_of()
    world.henb.begin_emergency(world.now)
    world.henb.__class__ = asking_for("3 Vendor Configuration File", world)
    world.run(4000)
    assert failures(world) == ["the fail-safe image did not ask for software"]
    assert not [each for each in world.look(list_commands) if each.method == "Download"]


def asking_for(file_type: str, world: World) -> type:
    class Asking(type(world.henb)):
        __slots__ = ()

        def ask_for_software(self, now):
            self.outgoing.append(m.RequestDownload(file_type))
            self.add_event(m.Event("9 REQUEST DOWNLOAD"))

    return Asking
