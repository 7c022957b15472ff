"""S1 5.7.3.2 (L82-L84): emergency remediation, when neither path reaches the HeMS."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.simulator import TAMPERS, Surroundings
from tests.seed.scene import EVERYTHING, Scene, provisioned
from tests.world import POLICY

CONFIGURATION = TAMPERS["configuration-modified"].parameter
ROGUE = TAMPERS["configuration-modified"].value
CELL = "Device.Services.FAPService.1.FAPControl.LTE."
SERVING = "https://serving.example/"
FARM = {
    "nodes": {"": {"initial"}, SERVING: {"serving"}, "emergency": {"emergency"}},
    "policy": f"{POLICY}discovery: {{serving_hems: '{SERVING}', security_gateways: [a], s1_servers: [b]}}\n",
}
"""An initial HeMS, one that it leads to, and a dedicated emergency management system."""


def provisioned_henb(**options) -> Scene:
    roles = ("initial", "serving", "emergency")
    return provisioned(**{"distress": 1, "emergency_available": True, "roles": roles, **options})


def cut_off(scene: Scene, *, seconds: float = 4000) -> Scene:
    scene.help_itself("software-modified", seconds=seconds)
    return scene


@pytest.mark.parametrize(
    ("fault", "connected", "cut", "begins"),
    [
        (True, True, EVERYTHING, True),
        (False, True, EVERYTHING, False),
        (True, False, EVERYTHING, False),
        (True, True, {"standard"}, False),
    ],
    ids=["all of it", "no fault", "no connection to the HeNB-GW or MME", "the second path works"],
)
def test_L82_1_it_begins_with_a_fault_a_connection_and_no_path_to_the_hems(fault, connected, cut, begins):
    scene = provisioned_henb()
    scene.henb.distress.connected = connected
    scene.cut = set(cut)
    if fault:
        scene.henb.tamper("case-opened", scene.now)
    scene.run(20_000)
    assert ("EMERGENCY_BOOT" in scene.stages()) == begins


def test_L82_2_the_henb_resets_and_boots_its_fail_safe_image():
    scene = provisioned_henb()
    scene.henb.tree.set(CONFIGURATION, ROGUE)
    cut_off(scene, seconds=0)
    assert scene.henb.banks.running == "failsafe-1.0"
    assert scene.henb.tree.value(CONFIGURATION) != ROGUE
    assert scene.stages()[-1] == "EMERGENCY_BOOT"
    scene.run(60)
    first = scene.informs("0 BOOTSTRAP")[0].message
    assert "failsafe-1.0" in [each.value for each in first.parameters]


def test_L82_3_nothing_that_was_manipulated_or_downloaded_is_in_the_protected_area():
    scene = cut_off(provisioned_henb())
    assert scene.did() == ["Download"]
    assert (scene.henb.banks.running, scene.henb.banks.protected) == ("2.0.0", "failsafe-1.0")


def test_L82_3_the_fail_safe_image_opens_sessions_and_loads_software_and_does_nothing_else():
    scene = cut_off(provisioned_henb(), seconds=60)
    assert {each.method for each in scene.wire if each.who == "HeNB"} >= {"Inform", "RequestDownload"}
    scene = cut_off(provisioned_henb(), seconds=0)
    others = (m.SetParameterValues((), ""), m.GetParameterValues(("Device.",)), m.FactoryReset())
    assert all(isinstance(scene.henb.handle(each, scene.now), m.Fault) for each in others)
    methods = scene.henb.handle(m.GetRPCMethods(), scene.now)
    assert set(methods.methods) == {"Download", "GetRPCMethods", "Reboot"}


@pytest.mark.parametrize("systems", [{}, FARM], ids=["initial HeMS", "dedicated emergency HeMS"])
def test_L82_4_it_connects_to_the_emergency_management_system_and_asks_for_software(systems):
    scene = cut_off(provisioned_henb(**systems))
    over = [each for each in scene.wire if each.path == "emergency"]
    assert (over[0].method, over[1].method) == ("Inform", "RequestDownload")
    assert [each.method for each in over if each.who == "HeMS" and "Response" not in each.method] == [
        "Download"
    ]
    assert scene.in_order(
        "notify emergency remediation began", "wait for request for software it came", "Download"
    )


def test_L82_5_it_boots_the_downloaded_image_and_is_discovered_and_registered_anew():
    scene = cut_off(provisioned_henb(**FARM))
    assert scene.stages()[3:8] == [
        *("EMERGENCY_BOOT", "EMERGENCY_SESSION", "EMERGENCY_DOWNLOAD", "DISCOVERY", "OPERATIONAL"),
    ]
    assert scene.henb.banks.running == "2.0.0"
    after = [each.node for each in scene.informs("0 BOOTSTRAP") if each.path == "standard"]
    assert after == ["", SERVING]  # from the initial HeMS to the serving one
    first = next(
        each for each in scene.said("SetParameterValues") if each.node == "" and each.path == "standard"
    )
    assert {each.name.removeprefix(CELL) for each in first.message.parameters} == {
        "Device.ManagementServer.URL",
        "Gateway.SecGWServer1",
        "Gateway.S1SigLinkServerList",
    }
    assert scene.device.provisioned_for == "2.0.0"
    assert scene.end() == ("EM", "closed", "REMEDIATED")
    assert scene.alarms() == []


def at_its_site(scene: Scene) -> Scene:
    """Say where the HeNB belongs; it is there."""
    with scene.conn.begin():
        dev.set_site_values(scene.conn, "roof-1", {"latitude": "48.2082", "longitude": "16.3738"})
        dev.set_site(scene.conn, scene.device.id, "roof-1")
    scene.henb.carry_to(Surroundings(place=(48.2083, 16.3737)))
    return scene


def is_about(message: m.Message, name: str) -> bool:
    """Whether a request reads or sets this parameter."""
    written = [each.name for each in getattr(message, "parameters", ())]
    return name in (*getattr(message, "names", ()), *written)


def test_L82_5_integrity_and_place_are_verified_before_it_radiates():
    scene = cut_off(at_its_site(provisioned_henb(**FARM)))
    order = ("Device.SelfTestDiagnostics.DiagnosticsState", "Device.FAP.GPS.", f"{CELL}AdminState")
    told = [each for each in scene.wire if each.who == "HeMS" and each.path == "standard"]
    first = [next(n for n, each in enumerate(told) if is_about(each.message, name)) for name in order]
    assert first == sorted(first)
    assert scene.end() == ("EM", "closed", "REMEDIATED")
    assert scene.henb.tree.value(f"{CELL}RFTxStatus") == "1"


def test_L82_5_where_it_is_not_at_its_place_it_does_not_radiate_and_the_managers_are_told():
    scene = at_its_site(provisioned_henb(**FARM))
    scene.henb.surroundings = Surroundings(place=(47.0707, 15.4395))  # it is carried away meanwhile
    cut_off(scene)
    assert scene.end() == ("EM", "waiting", "EMERGENCY_FAILED")
    assert scene.henb.tree.value(f"{CELL}RFTxStatus") == "0"
    told = {each["commentText"]: each["because"] for each in scene.outbox() if "commentText" in each}
    assert told["emergency remediation failed"] == "the HeNB is not where it is registered"


def test_L84_without_software_the_henb_shuts_down_and_the_managers_are_told():
    scene = provisioned_henb(image=None)
    nms = scene.subscribe("nms")
    cut_off(scene)
    assert (scene.henb.state, scene.stages()[-1]) == ("off", "SHUT_DOWN")
    assert "emergency remediation failed" in [each.get("commentText") for each in scene.heard(nms)]
    assert scene.end() == ("EM", "waiting", "EMERGENCY_FAILED")


def test_L84_so_does_one_whose_fail_safe_image_does_not_boot():
    scene = provisioned_henb()
    scene.henb.emergency.broken = True
    cut_off(scene)
    assert scene.stages()[-2:] == ["EMERGENCY_BOOT", "SHUT_DOWN"]


def test_L84_so_does_one_that_can_not_register_with_what_it_loaded():
    scene = provisioned_henb()
    scene.cut = set(EVERYTHING)
    scene.henb.tamper("software-modified", scene.now)
    scene.run(20_000)  # only the emergency management system is reached
    assert "DISCOVERY" in scene.stages()
    assert scene.stages()[-1] == "SHUT_DOWN"
    assert "emergency remediation failed" in scene.comments()
    assert scene.end() == ("EM", "waiting", "EMERGENCY_FAILED")
