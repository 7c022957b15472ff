"""What is wrong with a request before it is queued."""

import pytest

from acs.commands import check_request
from acs.cwmp import messages as m
from acs.datamodel import load_model

HENB = load_model("henb")
SERVER = "Device.ManagementServer."
INTERVAL = f"{SERVER}PeriodicInformInterval"
VENDOR = "Device.X_0005B9_Mode"
FILE = ("1 Firmware Upgrade Image", "https://h/f")


def value(name, text, kind="xsd:unsignedInt"):
    return m.SetParameterValues((m.ParameterValue(name, text, kind),), "k")


@pytest.mark.parametrize(
    "message",
    [
        m.GetRPCMethods(),
        m.GetParameterValues(("Device.", "Device.A.[b.c].D")),
        m.GetParameterNames("", next_level=True),
        value(INTERVAL, "60"),
        m.SetParameterAttributes((m.SetParameterAttribute("Device.", 6, ("Subscriber",)),)),
        m.Download("k", *FILE),
        m.Download("k", "X 0005B9 Config", "https://h/f"),
        m.Upload("k", "3 Vendor Configuration File 1", "https://h/f"),
        m.ScheduleDownload("k", *FILE, time_windows=(m.TimeWindow(0, 9, "3 When Idle"),)),
        m.ChangeDUState("k", (m.InstallOperation("https://h/u"),)),
    ],
    ids=m.method_name,
)
def test_nothing_is_said_against_what_is_right(message):
    assert check_request(message, model=HENB, namespace=m.CWMP_1_2) == []


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (m.GetParameterValues(()), "no parameter is named"),
        (m.GetParameterValues(("A" * 257,)), "a name has at most 256"),
        (m.GetParameterValues(("Device.A.{i}.B",)), "has instance numbers, not {i}"),
        (m.GetParameterNames("Device.A", next_level=True), "a parameter has no next level"),
        (m.SetParameterValues((), "k"), "no parameter is set"),
        (m.SetParameterValues((m.ParameterValue(INTERVAL, "60", "xsd:unsignedInt"),) * 2), "more than once"),
        (value(INTERVAL, "60", "xsd:string"), "fault 9006"),
        (value("Device.Time.", "1"), "only a parameter can be set"),
        (value(INTERVAL, "0"), "outside of"),
        (m.SetParameterAttributes((m.SetParameterAttribute("A", 7),)), "notification 7 is none"),
        (m.SetParameterAttributes((m.SetParameterAttribute("A", None, ("Root",)),)), "'Root' is no entity"),
        (m.Reboot("k" * 33), "command_key has 33 characters"),
        (m.ScheduleInform(2**32, "k"), "delay_seconds is 4294967296"),
        (m.ScheduleInform(0, "k"), "delay_seconds is 0"),
        (m.ScheduleDownload("k", *FILE), "there are 0 time windows"),
        (
            m.ScheduleDownload("k", *FILE, time_windows=(m.TimeWindow(0, 9, "2 Immediately", "x" * 257),)),
            "UserMessage has 257 characters",
        ),
        (
            m.ScheduleDownload("k", *FILE, time_windows=(m.TimeWindow(0, 9, "5 Never"),)),
            "WindowMode '5 Never'",
        ),
        (m.ChangeDUState("k", (m.InstallOperation("x"),)), "the URL 'x' is none"),
        (m.ChangeDUState("k", (m.InstallOperation("http://" + "x" * 1024),)), "TR-069 allows 1024"),
    ],
    ids=lambda value: value if isinstance(value, str) else m.method_name(value),
)
def test_each_rule_is_named(message, text):
    (problem,) = [each for each in check_request(message, model=HENB) if text in each]
    assert problem


def test_the_type_a_device_told_counts_where_the_model_is_silent():
    known = {VENDOR: "xsd:int"}
    assert check_request(value(VENDOR, "1", "xsd:int"), model=HENB, known_types=known) == []
    (problem,) = check_request(value(VENDOR, "1", "xsd:string"), model=HENB, known_types=known)
    assert problem == f"{VENDOR}: the device declares it as xsd:int, not xsd:string"


@pytest.mark.parametrize(
    ("namespace", "count"), [("", 0), (m.CWMP_1_2, 0), ("urn:dslforum-org:cwmp-1-9", 0), (m.CWMP_1_1, 1)]
)
def test_a_method_that_the_device_is_too_old_for_is_told(namespace, count):
    problems = check_request(m.CancelTransfer("k"), namespace=namespace)
    assert len(problems) == count
    assert all("CancelTransfer came with CWMP 1.2" in each for each in problems)


def test_without_a_model_values_are_not_checked():
    assert check_request(value("Whatever", "x")) == []
