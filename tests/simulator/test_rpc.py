"""The HeNB's answer to each RPC."""

from __future__ import annotations

import pytest

from acs.cwmp import messages as m
from tests.simulator.shell import KEY, NOW, PLMN, SERVER, attributes, get, make, session, set_values

NTP = "Device.Time.NTPServer1"
IMAGE = "1 Firmware Upgrade Image"


def fault(answer: m.Message) -> int:
    assert isinstance(answer, m.Fault), answer
    return answer.code


def names(henb, path, *, next_level):
    answer = henb.handle(m.GetParameterNames(path, next_level), NOW)
    assert isinstance(answer, m.GetParameterNamesResponse), answer
    return {each.name: each.writable for each in answer.parameters}


def test_get_rpc_methods_names_just_what_is_answered():
    henb = make()
    listed = henb.handle(m.GetRPCMethods(), NOW).methods
    assert set(listed) == {*m.CPE_METHODS, "X_0005B9_Echo"}


@pytest.mark.parametrize("request_", [m.UnknownMethod("", "X_0005B9_Sing"), m.Inform(None, ())])
def test_a_method_that_is_not_supported_is_9000(request_):
    assert fault(make().handle(request_, NOW)) == 9000


def test_a_vendors_method_is_answered():
    answer = make().handle(m.UnknownMethod("urn:x", "X_0005B9_Echo", (("A", "1"),)), NOW)
    assert answer == m.UnknownMethod("urn:x", "X_0005B9_EchoResponse", (("A", "1"),))


# --- values -----------------------------------------------------------------------------


def test_a_partial_path_reads_all_below_it_and_the_empty_path_everything():
    henb = make()
    below = get(henb, "Device.Time.")
    assert NTP in below
    assert all(name.startswith("Device.Time.") for name in below)
    assert len(get(henb, "")) == len(get(henb, "Device.")) > 1000


def test_every_parameter_is_told_with_the_type_of_its_model():
    henb = make()
    told = henb.handle(m.GetParameterValues(("",)), NOW).parameters
    specs = [(each, henb.tree.template.model.spec(each.name)) for each in told]
    assert {each.name: each.type for each, spec in specs if spec and spec.xsd_type != each.type} == {}


@pytest.mark.parametrize(
    "name",
    ["Device.Nonsense", "Device.Nonsense.", "Device.Time", NTP + ".", PLMN + "7.", PLMN + "7.Enable"],
)
def test_reading_what_is_not_there_is_9005(name):
    assert fault(make().handle(m.GetParameterValues((NTP, name)), NOW)) == 9005


def test_reading_a_table_without_rows_gives_nothing():
    assert get(make(), "Device.FaultMgmt.CurrentAlarm.") == {}


def test_reading_a_table_of_a_row_that_is_not_there_is_9005():
    path = PLMN.replace("FAPService.1.", "FAPService.2.")
    assert fault(make().handle(m.GetParameterValues((path,)), NOW)) == 9005


@pytest.mark.parametrize("name", [f"{SERVER}Password", f"{SERVER}ConnectionRequestPassword"])
def test_passwords_read_as_empty(name):
    henb = make()
    assert set_values(henb, (name, "s3cret")) == m.SetParameterValuesResponse(0)
    assert get(henb, name) == {name: ""}


def test_values_are_set_with_their_parameter_key():
    henb = make()
    assert set_values(henb, (NTP, "ntp.example"), key="key-1") == m.SetParameterValuesResponse(0)
    assert get(henb, NTP, KEY) == {NTP: "ntp.example", KEY: "key-1"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (("Device.Nonsense", "1"), 9005),
        ((f"{SERVER}PeriodicInformInterval", "60", "xsd:string"), 9006),
        ((f"{SERVER}PeriodicInformInterval", "soon", "xsd:unsignedInt"), 9007),
        ((f"{SERVER}PeriodicInformInterval", "0", "xsd:unsignedInt"), 9007),
        (("Device.Time.Enable", "maybe", "xsd:boolean"), 9007),
        (("Device.DeviceInfo.SerialNumber", "A2"), 9008),
    ],
)
def test_one_wrong_value_sets_nothing_and_is_told_by_name(value, code):
    henb = make()
    before = get(henb, "")
    answer = set_values(henb, (NTP, "ntp.example"), value, key="key-1")
    assert fault(answer) == 9003
    assert [(each.parameter_name, each.code) for each in answer.parameter_faults] == [(value[0], code)]
    assert get(henb, "") == before


def test_all_wrong_values_are_told_at_once():
    answer = set_values(make(), ("Device.A", "1"), (NTP, "x"), ("Device.DeviceInfo.SerialNumber", "x"))
    assert [each.code for each in answer.parameter_faults] == [9005, 9008]


def test_a_parameter_that_is_there_twice_is_9003():
    assert fault(set_values(make(), (NTP, "a"), (NTP, "b"))) == 9003


# --- names ------------------------------------------------------------------------------


def test_the_next_level_is_objects_with_a_dot_and_parameters_without():
    found = names(make(), "Device.Time.", next_level=True)
    assert found["Device.Time.NTPServer1"] is True
    assert found["Device.Time.Status"] is False
    assert all("." not in name[len("Device.Time.") :].rstrip(".") for name in found)
    assert "Device.Time." not in found


def test_all_levels_begin_with_the_object_itself():
    found = names(make(), PLMN, next_level=False)
    assert found[PLMN] is False
    assert found[PLMN + "1."] is True
    assert found[PLMN + "1.PLMNID"] is True
    assert found[PLMN + "1.Enable"] is True


def test_the_empty_path_has_the_root_as_its_next_level():
    assert names(make(), "", next_level=True) == {"Device.": False}


def test_the_names_of_a_parameter_are_itself_and_it_has_no_next_level():
    henb = make()
    assert names(henb, NTP, next_level=False) == {NTP: True}
    assert fault(henb.handle(m.GetParameterNames(NTP, next_level=True), NOW)) == 9003


def test_names_below_nothing_are_9005():
    assert fault(make().handle(m.GetParameterNames("Device.Nonsense.", next_level=True), NOW)) == 9005


# --- attributes -------------------------------------------------------------------------


def test_attributes_are_set_read_and_left_alone():
    henb = make()
    attributes(henb, NTP, 2)
    attributes(henb, NTP, None)
    answer = henb.handle(m.GetParameterAttributes((NTP, "Device.Time.NTPServer2")), NOW)
    assert [each.notification for each in answer.parameters] == [2, 0]


def test_a_partial_path_overrides_what_was_set_below_it():
    henb = make()
    attributes(henb, NTP, 2)
    attributes(henb, "Device.Time.", 1)
    assert henb.notification(NTP) == 1
    attributes(henb, NTP, 0)
    assert henb.notification(NTP) == 0
    assert henb.notification("Device.Time.NTPServer2") == 1


def test_a_parameter_whose_name_begins_like_another_keeps_its_attribute():
    henb = make()
    attributes(henb, "Device.DeviceInfo.ManufacturerOUI", 2)
    attributes(henb, "Device.DeviceInfo.Manufacturer", 1)
    assert henb.notification("Device.DeviceInfo.ManufacturerOUI") == 2


def test_wrong_attributes_are_faults_and_change_nothing():
    henb = make()
    good = m.SetParameterAttribute(NTP, 2)
    for wrong, code in (
        (m.SetParameterAttribute("Device.A", 1), 9005),
        (m.SetParameterAttribute(NTP, 7), 9003),
    ):
        assert fault(henb.handle(m.SetParameterAttributes((good, wrong)), NOW)) == code
    assert fault(henb.handle(m.GetParameterAttributes(("Device.A",)), NOW)) == 9005
    assert henb.attributes == {}


def test_the_software_version_is_always_notified_of():
    henb = make()
    attributes(henb, "Device.DeviceInfo.", 0)
    assert henb.notification("Device.DeviceInfo.SoftwareVersion") == 2


# --- objects ----------------------------------------------------------------------------


def test_a_row_is_added_counted_set_and_deleted():
    henb = make()
    count = PLMN.removesuffix(".") + "NumberOfEntries"
    assert henb.handle(m.AddObject(PLMN, "added"), NOW) == m.AddObjectResponse(2, 0)
    assert get(henb, count, KEY) == {count: "2", KEY: "added"}
    assert set_values(henb, (PLMN + "2.PLMNID", "26202")) == m.SetParameterValuesResponse(0)
    assert henb.handle(m.DeleteObject(PLMN + "2.", "deleted"), NOW) == m.DeleteObjectResponse(0)
    assert get(henb, count, KEY) == {count: "1", KEY: "deleted"}
    assert fault(henb.handle(m.GetParameterValues((PLMN + "2.PLMNID",)), NOW)) == 9005


def test_a_row_that_was_there_from_the_factory_on_can_be_deleted_until_the_next_reset():
    henb = make()
    henb.handle(m.DeleteObject(PLMN + "1.", ""), NOW)
    assert get(henb, PLMN) == {}
    assert fault(set_values(henb, (PLMN + "1.PLMNID", "1"))) == 9003
    session(henb, NOW, m.FactoryReset())
    assert PLMN + "1.PLMNID" in get(henb, PLMN)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (m.AddObject("Device.Nonsense.", "k"), 9005),
        (m.AddObject(PLMN.removesuffix("."), "k"), 9005),
        (m.AddObject(PLMN.replace("FAPService.1.", "FAPService.2."), "k"), 9005),
        (m.AddObject("Device.FaultMgmt.CurrentAlarm.", "k"), 9001),
        (m.DeleteObject(PLMN, "k"), 9005),
        (m.DeleteObject(PLMN + "9.", "k"), 9005),
        (m.DeleteObject("Device.Time.", "k"), 9005),
        (m.DeleteObject("Device.FaultMgmt.SupportedAlarm.1.", "k"), 9001),
    ],
)
def test_objects_that_cannot_be_added_or_deleted_are_faults_and_leave_the_key(request_, code):
    henb = make()
    set_values(henb, (NTP, "x"), key="before")
    assert fault(henb.handle(request_, NOW)) == code
    assert get(henb, KEY) == {KEY: "before"}


# --- transfers, informs, faults on demand -----------------------------------------------


def test_a_download_of_another_kind_is_9003_and_a_fourth_one_9004():
    henb = make()
    assert fault(henb.handle(m.Download("k", "2 Web Content", "http://a"), NOW)) == 9003
    assert fault(henb.handle(m.Download("k", IMAGE, "ftp://a"), NOW)) == 9013
    for key in "abc":
        assert henb.handle(m.Download(key, IMAGE, "http://a"), NOW).status == 1
    assert fault(henb.handle(m.Download("d", IMAGE, "http://a"), NOW)) == 9004


def test_queued_transfers_are_listed_until_their_end_is_acknowledged():
    henb = make()
    henb.handle(m.Download("one", IMAGE, "http://a"), NOW)
    henb.handle(m.Download("two", IMAGE, "http://b"), NOW)

    def queued():
        answer = henb.handle(m.GetAllQueuedTransfers(), NOW)
        return [(each.command_key, each.state) for each in answer.transfers]

    assert queued() == [("one", 1), ("two", 1)]
    henb.downloaded(henb.transfer_due(NOW), "", 9010, "broken", NOW)
    assert queued() == [("two", 1), ("one", 3)]
    session(henb, NOW)
    assert queued() == [("two", 1)]


@pytest.mark.parametrize("key", ["inform-1", "", "boot", "self test", "inform x"])
def test_a_scheduled_inform_comes_in_time_with_its_key_whatever_that_is(key):
    henb = make()
    henb.handle(m.ScheduleInform(300, key), NOW)
    henb.session_ended(NOW)
    assert henb.next_wake(NOW) == 300
    henb.tick(NOW + 299)
    assert not henb.wants_session(NOW + 299)
    henb.tick(NOW + 300)
    assert henb.wants_session(NOW + 300)
    inform = session(henb, NOW + 300)
    assert inform.events == (m.Event("3 SCHEDULED"), m.Event("M ScheduleInform", key))
    assert (henb.boots, henb.events) == (1, [])


def test_a_fault_on_demand_comes_as_often_as_it_was_ordered():
    from acs.simulator import Fault

    henb = make(faults=[Fault("GetParameterValues", 9002, times=2)])
    request = m.GetParameterValues((NTP,))
    assert [fault(henb.handle(request, NOW)) for _ in range(2)] == [9002, 9002]
    assert isinstance(henb.handle(request, NOW), m.GetParameterValuesResponse)
