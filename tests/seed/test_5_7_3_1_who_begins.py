"""S1 5.7.3.1 (L68-L78): when the HeMS and when the HeNB goes over to the distress channel."""

from __future__ import annotations

import pytest

from acs import detection as dt
from acs import distress as ds
from acs.silence import look_at_silence
from tests.seed.scene import provisioned
from tests.world import DISTRESS_KEY


@pytest.mark.parametrize("name", ["case-opened", "configuration-modified", "software-modified"])
def test_L68_the_hems_triggers_nothing_as_long_as_the_standard_path_carries_what_it_wants(name):
    scene = provisioned(distress=3)
    scene.tamper(name, until="reboot", seconds=8000)
    assert scene.case.state == "closed"
    assert scene.triggers == []


def test_L70_an_alarm_calls_for_an_action_that_the_standard_path_does_not_carry():
    scene = provisioned(distress=1)
    scene.wait_for_a_trigger()
    scene.cut_after_the_alarm("standard")
    scene.tamper("configuration-modified", until="reboot")
    assert scene.in_order("alarm ", "notify extended remediation is needed", "distress trigger")
    assert scene.end() == ("P2R", "closed", "REMEDIATED")


@pytest.mark.parametrize("cut", ["call", "standard"])
def test_L72_a_forced_management_request_to_a_henb_that_is_not_heard_of(cut):
    scene = provisioned(distress=1)
    scene.cut = {cut}
    scene.run(20_000 if cut == "call" else 0)
    scene.reach("the MME sees it, no OAM message came")
    scene.run(600)
    assert scene.triggers
    assert scene.case.fact["because"] == "operator: the MME sees it, no OAM message came"
    assert scene.end() == ("REACH", "closed", "REACHED")


def test_L72_a_henb_that_the_mme_sees_and_nobody_hears_is_found_and_triggered():
    scene = provisioned(distress=1)
    scene.wait_for_a_trigger()
    scene.cut, start = {"standard"}, scene.now
    scene.run(4000)
    with scene.conn.begin():
        dt.note_sighting(scene.conn, scene.device, source="mme-1", now=scene.now)
        how = scene.env.detection(scene.now)
        due = dt.silent_devices(scene.conn, how, interval=900, since=start, limit=10)
        look_at_silence(scene.conn, due, scene.env, since=start, now=scene.now)
    (told,) = scene.told("notifyNewAlarm")
    assert told["securityAlarmDetector"].startswith("HeMS:")
    assert "mme-1 sees it connected" in told["additionalText"]
    assert scene.triggers == []  # the standard path is tried first
    scene.run(2000)
    assert scene.in_order(
        "alarm ", "case opened", "notify extended remediation is needed", "distress trigger"
    )
    assert scene.channels[0] == "IPsec2"
    assert len(scene.told("notifyClearedAlarm")) == 1


def test_L74_the_henb_stays_on_the_standard_path_as_long_as_that_works():
    scene = provisioned(distress=3)
    scene.tamper("configuration-modified", until="factory_reset", seconds=20_000)
    assert set(scene.channels) == {"standard"}
    assert not any(each.startswith("DISTRESS") for each in scene.stages())


def test_L74_nor_does_it_leave_it_for_a_few_sessions_that_fail():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    scene.run(950)
    scene.cut.clear()
    scene.run(1000)
    assert set(scene.channels) == {"standard"}


@pytest.mark.parametrize(("connected", "channels"), [(True, {"IPsec2"}), (False, set())])
def test_L76_connected_to_the_henb_gw_or_mme_and_unable_to_reach_the_hems(connected, channels):
    scene = provisioned(distress=1)
    scene.henb.distress.connected = connected
    scene.cut = {"standard"}
    scene.run(20_000)
    assert set(scene.channels) == channels
    assert ("DISTRESS_SECOND_PATH" in scene.stages()) == connected


def test_L78_a_connection_request_that_the_standard_path_can_not_satisfy():
    scene = provisioned(distress=1)
    scene.cut = {"standard"}
    trigger = ds.Trigger(int(scene.now), 1, scene.key, "0" * 16)
    scene.henb.triggered(ds.build_trigger(trigger, DISTRESS_KEY, host="a:1"), "IPsec2", scene.now)
    scene.run(10)
    assert scene.channels == ["IPsec2"]
    assert [each.id for each in scene.henb.stages.history][:2] == ["N-41", "N-43"]


def test_L78_nor_can_it_satisfy_a_connection_request_that_came_over_it():
    scene = provisioned(distress=1)
    scene.henb.distress.connected = False  # so that L76 is no reason
    scene.cut = {"session"}
    scene.reach()
    scene.run(100)
    assert scene.triggers == []
    assert scene.channels == ["IPsec2"]
    assert scene.end() == ("REACH", "closed", "REACHED")
