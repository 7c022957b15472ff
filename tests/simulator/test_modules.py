"""Deployment units, options and aliases of the simulated HeNB, and its heartbeat."""

import base64

import pytest

from acs.cwmp import messages as m
from tests.simulator.shell import NOW, PACE, SERVER, codes, get, make, session, set_values

URL = "http://files.example/unit-1.0.tar"
NEWER = "http://files.example/unit-2.0.tar"
UNIT = "6f8a1f66-2b9e-5d10-8a3e-0123456789ab"
TABLE = "Device.SoftwareModules.DeploymentUnit."
PLMN = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList."
HEARTBEAT = f"{SERVER}HeartbeatPolicy."


def change(henb, *operations, key="du"):
    """Have deployment units changed and return what is told of it."""
    assert henb.handle(m.ChangeDUState(key, operations), NOW) == m.ChangeDUStateResponse()
    henb.session_ended(NOW)
    henb.tick(NOW + PACE.install)
    message = henb.next_request()
    inform = session(henb, NOW + PACE.install)
    assert inform.events == (m.Event("11 DU STATE CHANGE COMPLETE"), m.Event("M ChangeDUState", key))
    assert henb.events == []
    return [(each.current_state, each.version, each.fault.code) for each in message.results]


def test_a_unit_is_installed_updated_and_removed():
    henb = make()
    assert change(henb, m.InstallOperation(URL, UNIT)) == [("Installed", "1.0", 0)]
    assert get(henb, f"{TABLE}1.UUID", f"{TABLE}1.Status") == {
        f"{TABLE}1.UUID": UNIT,
        f"{TABLE}1.Status": "Installed",
    }
    assert change(henb, m.UpdateOperation(UNIT, url=NEWER)) == [("Installed", "2.0", 0)]
    assert get(henb, f"{TABLE}1.Version") == {f"{TABLE}1.Version": "2.0"}
    assert change(henb, m.UninstallOperation(UNIT)) == [("Uninstalled", "2.0", 0)]
    assert get(henb, TABLE) == {}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (m.InstallOperation(URL, UNIT), 9026),
        (m.InstallOperation(URL, "x"), 9022),
        (m.InstallOperation("ftp://a/b"), 9013),
        (m.InstallOperation(NEWER, "", execution_env_ref="Device.SoftwareModules.ExecEnv.7."), 9023),
        (m.UpdateOperation("00000000-0000-0000-0000-000000000000"), 9028),
        (m.UpdateOperation(UNIT, url=URL), 9032),
        (m.UpdateOperation(UNIT, url="http://files.example/unit-0.9.tar"), 9030),
        (m.UpdateOperation(UNIT, version="7", url=NEWER), 9029),
        (m.UninstallOperation("x"), 9022),
        (m.UninstallOperation(UNIT, version="7"), 9028),
    ],
)
def test_each_operation_has_a_fault_of_its_own(operation, code):
    henb = make()
    change(henb, m.InstallOperation(URL, UNIT))
    other = m.InstallOperation("http://files.example/other.tar")
    results = change(henb, operation, other, key="second")
    assert [fault for _, _, fault in results] == [code, 0]


def test_options_are_those_of_the_vouchers():
    henb = make()
    vouchers = tuple(base64.b64encode(name).decode() for name in (b"LIPA", b"CSG"))
    assert henb.handle(m.SetVouchers(vouchers), NOW) == m.SetVouchersResponse()
    options = henb.handle(m.GetOptions(), NOW).options
    assert [(each.option_name, each.state) for each in options] == [("LIPA", 1), ("CSG", 1)]
    assert [each.option_name for each in henb.handle(m.GetOptions("CSG"), NOW).options] == ["CSG"]
    assert henb.handle(m.GetOptions("X"), NOW).code == 9003
    assert henb.handle(m.SetVouchers(("!",)), NOW).code == 9003


# --- aliases ----------------------------------------------------------------------------


def test_an_instance_is_added_and_found_by_its_alias():
    henb = make()
    number = henb.handle(m.AddObject(f"{PLMN}[home].", "k"), NOW).instance_number
    by_alias = f"{PLMN}[home].PLMNID"
    assert isinstance(set_values(henb, (by_alias, "00101")), m.SetParameterValuesResponse)
    assert get(henb, by_alias) == {f"{PLMN}{number}.PLMNID": "00101"}
    assert henb.handle(m.AddObject(f"{PLMN}[home].", "k"), NOW).code == 9007
    assert isinstance(henb.handle(m.DeleteObject(f"{PLMN}[home].", "k"), NOW), m.DeleteObjectResponse)
    assert henb.handle(m.GetParameterValues((by_alias,)), NOW).code == 9005


def test_answers_have_aliases_where_the_acs_wants_them():
    henb = make()
    henb.handle(m.AddObject(f"{PLMN}[home].", "k"), NOW)
    set_values(henb, (f"{SERVER}InstanceMode", "InstanceAlias"))
    assert f"{PLMN}[home].PLMNID" in get(henb, f"{PLMN}[home].")
    names = henb.handle(m.GetParameterNames(f"{PLMN}[home].", next_level=True), NOW).parameters
    assert f"{PLMN}[home].Enable" in {each.name for each in names}


@pytest.mark.parametrize("allowed", [False, True])
def test_instances_are_made_on_the_way_only_where_that_is_allowed(allowed):
    henb = make()
    if allowed:
        set_values(henb, (f"{SERVER}AutoCreateInstances", "1", "xsd:boolean"))
    answer = set_values(henb, (f"{PLMN}[new].PLMNID", "00101"))
    assert isinstance(answer, m.SetParameterValuesResponse) == allowed
    if not allowed:
        assert answer.parameter_faults[0].code == 9005


# --- heartbeat --------------------------------------------------------------------------


def test_a_heartbeat_comes_alone_and_is_not_repeated():
    henb = make()
    set_values(
        henb,
        (f"{HEARTBEAT}Enable", "1", "xsd:boolean"),
        (f"{HEARTBEAT}ReportingInterval", "60", "xsd:unsignedInt"),
    )
    henb.session_ended(NOW)
    henb.tick(NOW + 60)
    henb.connection_requested()
    assert codes(session(henb, NOW + 60)) == ["6 CONNECTION REQUEST"]
    assert codes(session(henb, NOW + 60)) == ["14 HEARTBEAT"]
    henb.tick(NOW + 120)
    assert codes(henb.inform(NOW + 120)) == ["14 HEARTBEAT"]
    henb.session_failed(NOW + 120)
    assert not henb.wants_to_talk
    assert henb.retry_count == 0
