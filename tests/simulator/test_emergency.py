"""The fail-safe image of a HeNB (S1 L82, L84): when it runs, what it does, what becomes of the HeNB."""

from __future__ import annotations

import itertools
import random

import pytest

from acs.cwmp import messages as m
from acs.simulator import PRODUCT_CLASS, HeNB, Pace
from acs.simulator.emergency import FAIL_SAFE_METHODS, may_begin
from acs.simulator.stages import Stage

NOW = 1_800_000_000.0
FIRMWARE = "1 Firmware Upgrade Image"
PACE = Pace(boot=45, factory_reset=90, self_test=10, install=30, retry_scale=1.0)
VERSION = "Device.DeviceInfo.SoftwareVersion"
RADIO = "Device.Services.FAPService.1.FAPControl.LTE.RFTxStatus"
DOWNLOAD = m.Download("k", FIRMWARE, "https://emergency.example/image")


def made(**options) -> HeNB:
    identity = m.DeviceId("ACME", "0005B9", PRODUCT_CLASS, "A1")
    henb = HeNB(identity, "1.0.0", PACE, random=random.Random(1), emergency_available=True, **options)
    henb.power_on(NOW)
    henb.session_ended(NOW)
    henb.events.clear()
    return henb


def in_emergency(**options) -> HeNB:
    henb = made(**options)
    henb.begin_emergency(NOW)
    henb.tick(NOW + 45)
    return henb


@pytest.mark.row("S1 L82.1")
@pytest.mark.parametrize("facts", list(itertools.product([False, True], repeat=4)))
def test_the_guard(facts):
    """N-50: a fault, no exchange with the HeMS, a connection to the HeNB-GW/MME; and an image to boot."""
    available, fault, exchange, connected = facts
    begins = may_begin(available=available, fault=fault, exchange=exchange, connected=connected)
    assert begins == (facts == (True, True, False, True))


@pytest.mark.row("S1 L82.1")
@pytest.mark.parametrize(("fault", "connected"), [(True, True), (True, False), (False, True)])
def test_only_with_a_fault_and_a_connection_it_begins_else_it_shuts_down(fault, connected):
    henb = made()
    henb.distress.connected = connected
    henb.distress.called = True  # by a HeMS that can't be reached
    if fault:
        henb.tamper("software-modified", NOW)
    henb.session_failed(NOW)
    assert henb.fail_safe == (fault and connected)
    assert henb.stage == (Stage.EMERGENCY_BOOT if henb.fail_safe else Stage.SHUT_DOWN)


@pytest.mark.row("S1 L66.1")
def test_where_it_is_not_available_the_henb_shuts_down_at_once():
    henb = made()
    henb.emergency_available = False
    henb.begin_emergency(NOW)
    assert (henb.state, henb.stage) == ("off", Stage.SHUT_DOWN)


@pytest.mark.row("S1 L82.2")
@pytest.mark.row("S1 L82.4")
def test_it_boots_the_fail_safe_image_and_asks_for_software():
    """N-51."""
    henb = in_emergency()
    inform = henb.inform(NOW + 45)
    assert henb.stage == Stage.EMERGENCY_SESSION
    assert {value.name: value.value for value in inform.parameters}[VERSION] == "failsafe-1.0"
    assert {each.code for each in inform.events} >= {"0 BOOTSTRAP", "1 BOOT", "9 REQUEST DOWNLOAD"}
    assert henb.next_request() == m.RequestDownload(FIRMWARE)
    assert henb.tree.value(RADIO) == "0"


@pytest.mark.row("S1 L82.2")
def test_the_reset_forgets_what_the_tampered_software_was_set_to():
    henb = made()
    henb.tamper("configuration-modified", NOW)
    henb.connection_request_password = "known to the attacker"
    henb.schedule_inform(100, "k", NOW)
    henb.begin_emergency(NOW)
    assert "rogue" not in henb.tree.value(
        "Device.Services.FAPService.1.FAPControl.LTE.Gateway.S1SigLinkServerList"
    )
    assert henb.connection_request_password == ""
    assert [what for _, what in henb._due] == ["boot"]


REFUSED = [
    m.GetParameterValues(("Device.",)),
    m.GetParameterNames("Device.", next_level=False),
    m.SetParameterValues((m.ParameterValue("Device.Time.NTPServer1", "x"),), "k"),
    m.GetParameterAttributes(("Device.",)),
    m.SetParameterAttributes(()),
    m.AddObject("Device.FAP.PerfMgmt.Config.", "k"),
    m.DeleteObject("Device.FAP.PerfMgmt.Config.1.", "k"),
    m.FactoryReset(),
    m.ScheduleInform(1, "k"),
    m.Upload("k", "1 Vendor Configuration File", "https://acs/"),
    m.GetAllQueuedTransfers(),
    m.UnknownMethod("urn:x", "X_0005B9_Echo", ()),
]


@pytest.mark.row("S1 L82.3")
@pytest.mark.parametrize("request_", REFUSED, ids=m.method_name)
def test_only_predefined_basic_procedures_are_carried_out(request_):
    henb = in_emergency()
    henb.handle(m.GetRPCMethods(), NOW + 45)  # which brings its UpTime up to date
    before = dict(henb.tree._own)
    answer = henb.handle(request_, NOW + 45)
    assert isinstance(answer, m.Fault)
    assert answer.code == 9000
    assert henb.tree._own == before


@pytest.mark.row("S1 L82.3")
def test_the_fail_safe_image_tells_what_it_can_and_loads_software_alone():
    henb = in_emergency()
    assert henb.handle(m.GetRPCMethods(), NOW) == m.GetRPCMethodsResponse(FAIL_SAFE_METHODS)
    other = m.Download("k", "3 Vendor Configuration File", "https://acs/x")
    assert henb.handle(other, NOW) == m.Fault(
        9001, "Request denied: the fail-safe image loads software alone"
    )
    assert henb.handle(DOWNLOAD, NOW) == m.DownloadResponse(1)
    assert henb.stage == Stage.EMERGENCY_DOWNLOAD


def test_a_reboot_leads_to_the_fail_safe_image_again():
    henb = in_emergency()
    henb.handle(m.Reboot("r"), NOW + 46)
    henb.session_ended(NOW + 46)
    assert henb.state == "restarting"
    henb.tick(NOW + 100)
    assert henb.fail_safe
    assert henb.tree.value(VERSION) == "failsafe-1.0"


@pytest.mark.row("S1 L82.3")
def test_nothing_overwrites_the_protected_bank():
    henb = in_emergency()
    for number in range(3):
        henb.banks.install(f"{number}.0.0")
        assert (henb.banks.protected, henb.banks.running) == ("failsafe-1.0", "failsafe-1.0")
    henb.begin_emergency(NOW)
    assert henb.banks.running == "failsafe-1.0"


@pytest.mark.row("S1 L82.5")
def test_it_tells_of_the_download_then_boots_it_and_looks_for_its_hems():
    """N-52, N-60."""
    henb = in_emergency()
    henb.handle(DOWNLOAD, NOW + 46)
    henb.answered(henb.next_request())
    henb.session_ended(NOW + 46)
    transfer = henb.transfer_due(NOW + 46)
    henb.downloaded(transfer, "2.0.0", 0, "", NOW + 50)
    inform = henb.inform(NOW + 50)
    assert m.Event("M Download", "k") in inform.events
    assert {value.name: value.value for value in inform.parameters}[VERSION] == "failsafe-1.0"
    henb.informed(inform)
    henb.answered(henb.next_request())
    henb.session_ended(NOW + 50)
    assert (henb.state, henb.stage, henb.fail_safe) == ("restarting", Stage.DISCOVERY, False)
    henb.tick(NOW + 200)
    inform = henb.inform(NOW + 200)
    assert {each.code for each in inform.events} >= {"0 BOOTSTRAP", "1 BOOT"}
    assert {value.name: value.value for value in inform.parameters}[VERSION] == "2.0.0"
    henb.informed(inform)
    henb.session_ended(NOW + 200)
    assert henb.stage == Stage.OPERATIONAL


@pytest.mark.row("S1 L82.5")
def test_a_redirection_is_no_registration():
    henb = in_emergency()
    henb._leave_fail_safe(NOW + 50)
    henb.tick(NOW + 200)
    henb.informed(henb.inform(NOW + 200))
    serving = m.ParameterValue("Device.ManagementServer.URL", "https://serving.example/")
    assert henb.handle(m.SetParameterValues((serving,), "k"), NOW) == m.SetParameterValuesResponse(0)
    henb.session_ended(NOW + 200)
    assert henb.emergency.discovering
    assert henb.acs_url == "https://serving.example/"
    assert m.Event("0 BOOTSTRAP") in henb.events
    henb.informed(henb.inform(NOW + 201))
    henb.session_ended(NOW + 201)
    assert not henb.emergency.discovering


def off(henb: HeNB) -> bool:
    return (henb.state, henb.stage, henb.tree.value(RADIO)) == ("off", Stage.SHUT_DOWN, "0")


@pytest.mark.row("S1 L84")
def test_a_broken_fail_safe_image_leads_to_a_shut_down():
    henb = made()
    henb.tamper("software-modified", NOW)
    henb.emergency.broken = True
    henb.distress.called = True
    henb.session_failed(NOW)
    assert off(henb)
    assert henb.emergency.why == "the fail-safe image does not boot"


@pytest.mark.row("S1 L84")
@pytest.mark.parametrize("ok", [True, False])
def test_without_software_it_shuts_down_after_some_sessions(ok):
    """N-53: the emergency management system can't be reached, or has nothing for it."""
    henb, now = in_emergency(), NOW + 45
    for number in range(1, 6):
        assert henb.state == "running", number
        now += 400
        henb.tick(now)
        henb.session_ended(now) if ok else henb.session_failed(now)
    assert off(henb)
    assert henb.emergency.why == "it was given no software"


@pytest.mark.row("S1 L84")
def test_a_download_that_fails_leads_back_to_asking():
    henb = in_emergency()
    henb.handle(DOWNLOAD, NOW + 46)
    henb.session_ended(NOW + 46)
    henb.downloaded(henb.transfer_due(NOW + 46), "", 9018, "corrupted", NOW + 50)
    assert henb.stage == Stage.EMERGENCY_SESSION
    assert henb.banks.versions == ["1.0.0", "1.0.0"]


@pytest.mark.row("S1 L84")
def test_new_software_that_is_manipulated_as_well_shuts_down():
    henb = made()
    henb.tamper("software-modified", NOW, until="never")
    henb.begin_emergency(NOW)
    henb.tick(NOW + 45)
    henb.fail_safe_downloaded("2.0.0", [])
    henb.session_ended(NOW + 50)
    henb.tick(NOW + 200)
    assert off(henb)
    assert henb.emergency.why == "the new software is manipulated as well"


@pytest.mark.row("S1 L84")
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_discovery_that_fails_leads_to_a_shut_down(how):
    henb = in_emergency()
    henb.emergency.discovery = 600
    henb._leave_fail_safe(NOW + 50)
    henb.tick(NOW + 200)
    if how == "refused":
        for number in range(5):
            henb.session_failed(NOW + 300 + number)
    else:
        henb.tick(NOW + 700)
    assert off(henb)


def test_a_person_switches_it_on_with_the_software_of_before():
    henb = in_emergency()
    henb.shut_down()
    henb.power_on(NOW + 1000)
    assert not henb.fail_safe
    assert henb.tree.value(VERSION) == "1.0.0"
