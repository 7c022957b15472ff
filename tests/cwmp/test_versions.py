"""Versions of CWMP, and the rules of events."""

import pytest

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.cwmp import session as ses
from acs.cwmp import versions


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ((), None),
        (("1.0",), "1.0"),
        (("1.4", "1.0"), "1.4"),
        (("1.2", "1.3", "1.9"), "1.3"),
        (("2.0",), None),
        (("", "x"), None),
    ],
)
def test_the_highest_version_in_common_is_used(told, used):
    assert versions.negotiate(told) == used
    assert versions.incompatible(told) == (bool(told) and used is None)


def test_each_method_belongs_to_its_version():
    old = [name for name in m.METHODS if versions.introduced(name) == 0]
    assert "GetQueuedTransfersResponse" in old
    assert versions.introduced("GetAllQueuedTransfersResponse") == 1
    assert versions.introduced("ChangeDUState") == versions.introduced("DUStateChangeCompleteResponse") == 2
    assert [versions.minor_of(each) for each in (m.CWMP_1_0, m.CWMP_1_1, m.CWMP_1_2, "x")] == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("told", "seconds"), [(None, 60), (0, 60), (30, 60), (300, 300), (2**32 - 1, 900), (-5, 60)]
)
def test_a_session_is_waited_for_as_long_as_the_device_says_within_bounds(told, seconds):
    assert ses.patience(told) == seconds


@pytest.mark.parametrize(
    ("code", "response", "cumulative"),
    [
        ("0 BOOTSTRAP", "InformResponse", False),
        ("1 BOOT", "InformResponse", False),
        ("2 PERIODIC", "InformResponse", False),
        ("3 SCHEDULED", "InformResponse", False),
        ("4 VALUE CHANGE", "InformResponse", False),
        ("5 KICKED", "KickedResponse", False),
        ("6 CONNECTION REQUEST", "InformResponse", False),
        ("7 TRANSFER COMPLETE", "TransferCompleteResponse", False),
        ("8 DIAGNOSTICS COMPLETE", "InformResponse", False),
        ("9 REQUEST DOWNLOAD", "RequestDownloadResponse", False),
        ("10 AUTONOMOUS TRANSFER COMPLETE", "AutonomousTransferCompleteResponse", False),
        ("11 DU STATE CHANGE COMPLETE", "DUStateChangeCompleteResponse", False),
        ("12 AUTONOMOUS DU STATE CHANGE COMPLETE", "AutonomousDUStateChangeCompleteResponse", False),
        ("13 WAKEUP", "InformResponse", False),
        ("14 HEARTBEAT", "InformResponse", False),
        ("M Reboot", "InformResponse", True),
        ("M ScheduleInform", "InformResponse", True),
        ("M Download", "TransferCompleteResponse", True),
        ("M ScheduleDownload", "TransferCompleteResponse", True),
        ("M Upload", "TransferCompleteResponse", True),
        ("M ChangeDUState", "DUStateChangeCompleteResponse", True),
        ("M X_0005B9_Do", "InformResponse", True),
        ("X 0005B9 Rain", "InformResponse", False),
    ],
)
def test_each_event_has_its_rules(code, response, cumulative):
    assert ev.acknowledged_by(f" {code} ") == response
    assert ev.is_cumulative(code) is cumulative
    assert response in m.RESPONSES


def test_every_command_key_of_an_inform_is_kept():
    events = [m.Event("M Reboot", f"k{number}") for number in range(5)] + [m.Event("m  other", "x")]
    assert ev.command_keys(events, "Reboot") == tuple(f"k{number}" for number in range(5))
