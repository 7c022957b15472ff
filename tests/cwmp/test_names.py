"""Fault codes and event codes."""

import pytest

from acs.cwmp import events, faults
from acs.cwmp import messages as m


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (8005, "Retry request"),
        (9008, "Attempt to set a non-writable parameter"),
        (9019, "File transfer failure: file authentication failure"),
        (8800, "Vendor fault"),
        (8899, "Vendor fault"),
        (9800, "Vendor fault"),
        (9899, "Vendor fault"),
        (0, "Unknown fault"),
        (9900, "Unknown fault"),
        (8700, "Unknown fault"),
    ],
)
def test_every_fault_has_a_name(code, name):
    assert faults.fault_name(code) == name


def test_the_standard_faults_are_those_of_tr_069():
    assert sorted(faults.FAULT_NAMES) == [*range(8000, 8007), *range(9000, 9033)]


def test_only_some_faults_are_worth_another_try():
    transient = {code for code in faults.FAULT_NAMES if faults.is_transient(code)}
    assert transient == {8005, 9002, 9004, 9010, 9011, 9012, 9014, 9015, 9017, 9020}
    assert not faults.is_transient(9800)


def test_the_callers_mistakes_are_client_faults():
    client = {code for code in faults.FAULT_NAMES if faults.soap_faultcode(code) == "Client"}
    assert client == {8003, 8005, 9003, 9005, 9006, 9007, 9008}
    assert faults.soap_faultcode(9800) == "Server"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("0 BOOTSTRAP", events.BOOTSTRAP),
        ("4 VALUE CHANGE ", events.VALUE_CHANGE),
        ("  6  connection\trequest", events.CONNECTION_REQUEST),
        ("2", events.PERIODIC),
        ("14 HEARTBEAT", events.HEARTBEAT),
        ("15 TOMORROW", "15 TOMORROW"),
        (" M  Reboot ", "M Reboot"),
        ("X 0005B9 Alarm", "X 0005B9 Alarm"),
        ("", ""),
    ],
)
def test_event_codes_are_read_by_their_number(code, name):
    assert events.event_name(code) == name


def test_the_standard_events_are_zero_to_fourteen():
    assert [events.event_name(str(number)).partition(" ")[0] for number in range(15)] == [
        str(number) for number in range(15)
    ]
    assert all(" " in events.event_name(str(number)) for number in range(15))


def test_an_event_is_found_whatever_its_spelling():
    found = (m.Event("1 boot "), m.Event("M Reboot", "k"))
    assert events.has_event(found, events.BOOT)
    assert events.has_event(found, "M Reboot")
    assert not events.has_event(found, events.PERIODIC)
    assert not events.has_event((), events.BOOT)


def test_the_command_keys_of_a_method_come_in_order():
    found = (m.Event("M Download", "a"), m.Event("M Reboot", "b"), m.Event("M Download ", "c"))
    assert events.command_keys(found, "Download") == ("a", "c")
    assert events.command_keys(found, "Upload") == ()
