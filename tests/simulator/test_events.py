"""What the HeNB tells in its Informs, when, and how long it keeps it (TR-069 3.2.1.1, 3.7.1.5)."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from acs.simulator import Fault
from tests.simulator.shell import NOW, PACE, SERVER, attributes, codes, make, session, set_values

IMAGE = m.Download("load-1", "1 Firmware Upgrade Image", "http://a")
INTERVAL = f"{SERVER}PeriodicInformInterval"
FORCED = {
    "Device.RootDataModelVersion",
    f"{SERVER}AliasBasedAddressing",
    "Device.DeviceInfo.HardwareVersion",
    "Device.DeviceInfo.SoftwareVersion",
    "Device.DeviceInfo.ProvisioningCode",
    f"{SERVER}ParameterKey",
    f"{SERVER}ConnectionRequestURL",
}


def load(henb, *, code: int = 0, version: str = "2.0.0", now: float = NOW):
    session(henb, now, IMAGE)
    henb.downloaded(henb.transfer_due(now), version, code, "because", now)


def test_the_first_inform_bears_bootstrap_boot_and_the_forced_parameters():
    henb = make(on=False)
    assert not henb.wants_session(NOW)
    henb.power_on(NOW)
    assert henb.wants_session(NOW)
    inform = henb.inform(NOW)
    assert codes(inform) == ["0 BOOTSTRAP", "1 BOOT"]
    assert {each.name for each in inform.parameters} == FORCED
    assert inform.retry_count == 0


def test_a_device_that_was_there_before_tells_no_bootstrap():
    henb = make(on=False)
    henb.power_on(NOW, first=False)
    assert codes(henb.inform(NOW)) == ["1 BOOT"]


def test_what_was_told_is_not_told_again():
    henb = make()
    assert henb.events == []
    assert not henb.wants_to_talk
    assert henb.next_wake(NOW) == 86400


def test_what_was_not_acknowledged_is_told_again():
    henb = make(on=False)
    henb.power_on(NOW)
    first = henb.inform(NOW)
    henb.session_failed(NOW)
    again = henb.inform(NOW + 60)
    assert again.events == first.events
    assert again.retry_count == 1


def test_a_reboot_comes_after_the_session_with_its_key():
    henb = make()
    session(henb, NOW, m.Reboot("reboot-1"))
    assert henb.state == "restarting"
    assert not henb.wants_session(NOW)
    assert henb.next_wake(NOW) == PACE.boot
    henb.tick(NOW + PACE.boot)
    inform = session(henb, NOW + PACE.boot)
    assert inform.events == (m.Event("1 BOOT"), m.Event("M Reboot", "reboot-1"))
    assert [(each.method, each.command_key) for each in henb.executed] == [("Reboot", "reboot-1")]


def test_a_reboot_is_carried_out_when_the_session_breaks_off_as_well():
    henb = make()
    henb.handle(m.Reboot("reboot-1"), NOW)
    henb.session_failed(NOW)
    assert henb.state == "restarting"


def test_a_reboot_that_hangs_never_comes_back():
    henb = make(faults=[Fault("Reboot", hang=True)])
    session(henb, NOW, m.Reboot("reboot-1"))
    henb.tick(NOW + 1e6)
    assert henb.state == "hung"
    assert not henb.wants_session(NOW + 1e6)


def test_bootstrap_voids_what_was_waiting_to_be_told():
    henb = make()
    load(henb, code=9010)
    henb.handle(m.ScheduleInform(1, "s"), NOW)
    henb.tick(NOW + 1)
    assert {"7 TRANSFER COMPLETE", "3 SCHEDULED"} <= {each.code for each in henb.events}
    henb.handle(m.FactoryReset(), NOW)
    henb.session_failed(NOW)
    henb.tick(NOW + PACE.factory_reset)
    assert codes(henb.inform(NOW + PACE.factory_reset)) == ["0 BOOTSTRAP", "1 BOOT"]
    assert henb.next_request() is None


def test_a_factory_reset_forgets_the_configuration_and_the_credentials():
    henb = make()
    attributes(henb, "Device.Time.", 2)
    set_values(
        henb,
        ("Device.Time.NTPServer1", "ntp.example"),
        (f"{SERVER}ConnectionRequestPassword", "s3cret"),
        (INTERVAL, "60", "xsd:unsignedInt"),
    )
    session(henb, NOW, m.FactoryReset())
    assert henb.tree.value("Device.Time.NTPServer1") == ""
    assert henb.tree.value(INTERVAL) == "86400"
    assert (henb.connection_request_password, henb.attributes) == ("", {})
    assert henb.tree.value("Device.DeviceInfo.SerialNumber") == "A1"


def test_a_connection_request_is_told_unless_the_device_is_restarting():
    henb = make()
    henb.connection_requested()
    henb.connection_requested()
    assert codes(session(henb, NOW)) == ["6 CONNECTION REQUEST"]
    session(henb, NOW, m.Reboot("r"))
    henb.connection_requested()
    henb.tick(NOW + PACE.boot)
    assert codes(henb.inform(NOW)) == ["1 BOOT", "M Reboot"]


def test_a_reboot_drops_the_events_that_do_not_outlive_it():
    henb = make()
    henb.handle(m.Reboot("r"), NOW)
    henb.connection_requested()
    henb.handle(m.ScheduleInform(1, "s"), NOW)
    henb.tick(NOW + 1)
    henb.session_failed(NOW)
    henb.tick(NOW + PACE.boot)
    told = codes(henb.inform(NOW + PACE.boot))
    assert "6 CONNECTION REQUEST" not in told
    assert {"1 BOOT", "M Reboot", "3 SCHEDULED", "M ScheduleInform"} == set(told)


# --- transfers --------------------------------------------------------------------------


def test_transfer_complete_is_kept_until_it_is_answered():
    henb = make()
    load(henb, code=9010)
    told = (m.Event("7 TRANSFER COMPLETE"), m.Event("M Download", "load-1"))
    assert session(henb, NOW, told=False).events == told
    inform = henb.inform(NOW)
    henb.informed(inform)
    assert inform.events == told
    request = henb.next_request()
    assert (request.command_key, request.fault.code) == ("load-1", 9010)
    henb.answered(request)
    henb.session_ended(NOW)
    assert henb.events == []
    assert not henb.wants_to_talk


def test_one_of_two_transfers_that_is_answered_leaves_the_other_to_be_told():
    henb = make()
    session(henb, NOW, IMAGE, m.Download("load-2", IMAGE.file_type, "http://b"))
    for _ in range(2):
        henb.downloaded(henb.transfer_due(NOW), "", 9010, "because", NOW)
    henb.informed(henb.inform(NOW))
    henb.answered(henb.next_request())
    assert henb.events == [m.Event("7 TRANSFER COMPLETE"), m.Event("M Download", "load-2")]
    henb.answered(henb.next_request())
    assert henb.events == []


def test_a_new_image_runs_after_a_boot_and_its_version_is_told():
    henb = make()
    load(henb)
    assert henb.state == "restarting"
    later = NOW + PACE.install + PACE.boot
    henb.tick(later)
    inform = session(henb, later)
    assert codes(inform) == ["1 BOOT", "7 TRANSFER COMPLETE", "M Download", "4 VALUE CHANGE"]
    assert m.ParameterValue("Device.DeviceInfo.SoftwareVersion", "2.0.0") in inform.parameters
    assert henb.banks.versions == ["1.0.0", "2.0.0"]
    assert not henb.wants_to_talk


def test_a_fault_on_demand_of_a_download_is_told_by_transfer_complete():
    henb = make(faults=[Fault("Download", 9018)])
    load(henb)
    assert (henb.state, henb.banks.running) == ("running", "1.0.0")
    assert henb.next_request().fault.code == 9018


# --- time -------------------------------------------------------------------------------


def test_periodic_informs_come_as_often_as_they_are_set():
    henb = make()
    set_values(henb, (INTERVAL, "60", "xsd:unsignedInt"))
    assert henb.next_wake(NOW) == 60
    for now in (NOW + 60, NOW + 120):
        henb.tick(now - 0.1)
        assert not henb.wants_session(now - 0.1)
        henb.tick(now)
        assert codes(session(henb, now)) == ["2 PERIODIC"]
    set_values(henb, (f"{SERVER}PeriodicInformEnable", "0", "xsd:boolean"))
    henb.tick(NOW + 10_000)
    assert not henb.wants_to_talk


def test_retry_intervals_grow_to_a_bound_and_a_success_resets_them():
    henb = make()
    henb.connection_requested()
    now = NOW
    for count in range(1, 13):
        henb.session_failed(now)
        step = 2 ** (min(count, 10) - 1)
        wait = henb.next_wake(now)
        assert 5 * step <= wait <= 10 * step
        assert not henb.wants_session(now + wait - 0.01)
        now += wait
        henb.tick(now)
        assert henb.wants_session(now)
        assert henb.inform(now).retry_count == count
    session(henb, now)
    henb.connection_requested()
    assert henb.wants_session(now)
    assert henb.inform(now).retry_count == 0


def test_a_broken_session_is_repeated_even_if_all_was_told():
    henb = make()
    henb.connection_requested()
    henb.informed(henb.inform(NOW))
    henb.session_failed(NOW)
    assert henb.events == []
    assert henb.wants_session(NOW + henb.next_wake(NOW))


def test_a_boot_ends_the_retries():
    henb = make()
    henb.handle(m.Reboot("r"), NOW)
    for _ in range(5):
        henb.session_failed(NOW)
    henb.tick(NOW + PACE.boot)
    assert henb.wants_session(NOW + PACE.boot)
    assert henb.inform(NOW).retry_count == 0


@pytest.mark.parametrize(("notification", "opens"), [(0, False), (1, False), (2, True)])
def test_a_change_opens_a_session_only_with_active_notification(notification, opens):
    henb = make()
    attributes(henb, "Device.Time.", notification)
    henb._tell(["Device.Time.NTPServer1"])
    assert henb.wants_session(NOW) is opens
    henb.connection_requested()
    inform = session(henb, NOW)
    told = {each.name for each in inform.parameters} - FORCED
    assert told == ({"Device.Time.NTPServer1"} if notification else set())
    assert ("4 VALUE CHANGE" in codes(inform)) is bool(notification)
    assert henb.changed == {}


def test_a_change_of_what_is_being_told_is_told_once_more():
    henb = make()
    attributes(henb, "Device.Time.", 2)
    henb._tell(["Device.Time.NTPServer1"])
    inform = henb.inform(NOW)
    henb.tree.set("Device.Time.NTPServer1", "later")
    henb.informed(inform)
    assert list(henb.changed) == ["Device.Time.NTPServer1"]
