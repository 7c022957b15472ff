"""File transfers of the simulated HeNB: delays, windows, uploads, cancelling, what is told of each."""

import pytest

from acs.cwmp import messages as m
from acs.simulator import Fault
from tests.simulator.shell import NOW, PACE, codes, get, make, session, set_values

IMAGE, CONFIGURATION, LOG = "1 Firmware Upgrade Image", "3 Vendor Configuration File", "4 Vendor Log File 1"
URL = "http://files.example/f"
NTP = "Device.Time.NTPServer1"


def schedule(henb, *windows, retries=-1, key="k"):
    spans = tuple(m.TimeWindow(start, end, "2 Immediately", "", retries) for start, end in windows)
    return henb.handle(m.ScheduleDownload(key, IMAGE, URL, time_windows=spans), NOW)


def told(henb, now=NOW):
    """Return the codes of the next Inform and what is said of the transfer in its session."""
    message = henb.next_request()
    return codes(session(henb, now)), message


@pytest.mark.parametrize(
    "request_", [m.Download("k", IMAGE, URL, delay_seconds=60), m.Upload("k", LOG, URL, delay_seconds=60)]
)
def test_a_transfer_waits_for_its_delay(request_):
    henb = make()
    assert henb.handle(request_, NOW).status == 1
    session(henb, NOW)
    assert henb.next_wake(NOW) == 60
    assert henb.transfer_due(NOW + 59) is None
    assert henb.transfer_due(NOW + 60).command_key == "k"


def test_what_waits_outlives_a_reboot_and_not_a_factory_reset():
    henb = make()
    henb.handle(m.Download("k", IMAGE, URL, delay_seconds=600), NOW)
    henb.handle(m.ScheduleInform(600, "i"), NOW)
    session(henb, NOW, m.Reboot("r"))
    henb.tick(NOW + PACE.boot)
    session(henb, NOW + PACE.boot)
    assert henb.transfer_due(NOW + 600).command_key == "k"
    henb.tick(NOW + 600)
    assert m.Event("M ScheduleInform", "i") in henb.inform(NOW + 600).events
    henb.handle(m.FactoryReset(), NOW)
    henb.session_ended(NOW)
    assert len(henb.transfers) == 0


def test_a_log_is_sent_and_told_of():
    henb = make()
    session(henb, NOW, m.Upload("up", LOG, URL))
    transfer = henb.transfer_due(NOW)
    assert b"Upload up" in henb.upload_content(transfer, NOW)
    henb.uploaded(transfer, 0, "", NOW)
    events, message = told(henb)
    assert events == ["7 TRANSFER COMPLETE", "M Upload"]
    assert (message.command_key, message.fault.code) == ("up", 0)
    assert henb.events == []


def test_an_upload_that_fails_is_told_with_its_fault():
    henb = make(faults=[Fault("Upload", 9011)])
    session(henb, NOW, m.Upload("up", LOG, URL))
    henb.uploaded(henb.transfer_due(NOW), 0, "", NOW)
    assert told(henb)[1].fault.code == 9011


def test_a_configuration_goes_out_and_comes_back():
    henb = make()
    set_values(henb, (NTP, "one.example"))
    session(henb, NOW, m.Upload("up", f"{CONFIGURATION} 1", URL))
    content = henb.upload_content(henb.transfer_due(NOW), NOW)
    henb.uploaded(henb.transfer_due(NOW), 0, "", NOW)
    assert b"ManagementServer.ConnectionRequestPassword" not in content
    set_values(henb, (NTP, "other.example"))
    session(henb, NOW, m.Download("down", CONFIGURATION, URL))
    henb.downloaded(henb.transfer_due(NOW), "", 0, "", NOW, content=content)
    assert get(henb, NTP) == {NTP: "one.example"}
    assert told(henb)[0] == ["7 TRANSFER COMPLETE", "M Download"]


@pytest.mark.parametrize(
    "content", [b"nonsense", b"Device.Nothing=1\n", b"Device.DeviceInfo.UpTime=5\n", b"\xff"]
)
def test_a_configuration_that_is_none_is_9018(content):
    henb = make()
    session(henb, NOW, m.Download("down", CONFIGURATION, URL))
    henb.downloaded(henb.transfer_due(NOW), "", 0, "", NOW, content=content)
    assert told(henb)[1].fault.code == 9018


def test_a_scheduled_download_waits_for_its_window_and_says_so():
    henb = make()
    assert schedule(henb, (100, 200)) == m.ScheduleDownloadResponse()
    session(henb, NOW)
    assert henb.transfer_due(NOW + 99) is None
    henb.downloaded(henb.transfer_due(NOW + 100), "2.0.0", 0, "", NOW + 100)
    henb.tick(NOW + 400)
    events, message = told(henb, NOW + 400)
    assert {"1 BOOT", "7 TRANSFER COMPLETE", "M ScheduleDownload"} <= set(events)
    assert message.fault.code == 0


def test_a_scheduled_download_is_tried_again_within_its_windows_and_then_9020():
    henb = make()
    schedule(henb, (0, 15), (100, 105))
    tried = []
    now = NOW
    while henb.next_request() is None:
        now += henb.next_wake(now)
        transfer = henb.transfer_due(now)
        if transfer is None:
            session(henb, now)
            continue
        tried.append(now - NOW)
        henb.downloaded(transfer, "", 9015, "no server", now)
    assert tried == [0, 10, 100]
    assert henb.next_request().fault.code == 9020
    assert "9015" in henb.next_request().fault.string


def test_max_retries_is_obeyed():
    henb = make()
    schedule(henb, (0, 1000), retries=0)
    henb.downloaded(henb.transfer_due(NOW), "", 9015, "no server", NOW)
    assert henb.next_request().fault.code == 9020


@pytest.mark.parametrize("windows", [(), ((5, 5),), ((0, 10), (5, 20)), ((0, 1), (2, 3), (4, 5))])
def test_windows_that_are_none_are_9003(windows):
    assert schedule(make(), *windows).code == 9003


def test_a_cancelled_transfer_is_never_told_of():
    henb = make()
    henb.handle(m.Download("k", IMAGE, URL, delay_seconds=60), NOW)
    assert henb.handle(m.CancelTransfer("k"), NOW) == m.CancelTransferResponse()
    assert henb.transfer_due(NOW + 60) is None
    assert henb.handle(m.GetAllQueuedTransfers(), NOW).transfers == ()
    assert henb.handle(m.CancelTransfer("unknown"), NOW) == m.CancelTransferResponse()


def test_what_runs_can_not_be_cancelled():
    henb = make()
    henb.handle(m.Download("k", IMAGE, URL), NOW)
    henb.transfer_due(NOW).state = 2
    assert henb.handle(m.CancelTransfer("k"), NOW).code == 9021


def test_both_lists_of_transfers_tell_what_they_are_to():
    henb = make()
    henb.handle(m.Upload("up", LOG, URL, delay_seconds=9), NOW)
    henb.handle(m.Download("down", IMAGE, URL, file_size=5, target_file_name="t", delay_seconds=9), NOW)
    assert henb.handle(m.GetAllQueuedTransfers(), NOW).transfers == (
        m.QueuedTransfer("up", 1, False, LOG),
        m.QueuedTransfer("down", 1, True, IMAGE, 5, "t"),
    )
    assert henb.handle(m.GetQueuedTransfers(), NOW).transfers == (
        m.QueuedTransfer("up", 1),
        m.QueuedTransfer("down", 1),
    )
