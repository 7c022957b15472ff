"""Finding one's way in a model; whole trees; golden configurations."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acs.datamodel import golden_configuration, instantiate, load_model, parse_golden, pattern_of
from acs.errors import AcsError
from device_models import model_names

FAP = "Device.Services.FAPService.{i}."
PLMN = f"{FAP}CellConfig.LTE.EPC.PLMNList.{{i}}."
NAMES = ("henb", "henb-issue-1", *model_names())
HENB = load_model("henb")


def test_a_parameter_is_found_with_instance_numbers_and_without():
    spec = HENB.spec("Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.12.PLMNID")
    assert spec is HENB.spec(f"{PLMN}PLMNID")
    assert (spec.type, spec.xsd_type, spec.writable, spec.maximum_length) == ("string", "xsd:string", True, 6)
    assert HENB.spec("Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.12.") is None


def test_digits_in_a_name_are_no_instance_number():
    assert HENB.spec("Device.Time.NTPServer1").path == "Device.Time.NTPServer1"
    assert pattern_of("Device.Time.NTPServer1") == "Device.Time.NTPServer1"


def test_henb_is_device_2_with_faultmgmt_and_issue_2():
    parts = ("device2-hems", "fapservice-2", "faultmgmt-device2")
    for part in map(load_model, parts):
        assert part.parameters.items() <= HENB.parameters.items()
        assert part.objects.items() <= HENB.objects.items()


def test_objects_tell_whether_they_have_instances_and_whether_those_can_be_added():
    table = HENB.object("Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.3.")
    assert (table.path, table.multiple, table.writable) == (PLMN, True, True)
    assert not HENB.objects["Device.DeviceInfo."].multiple


def test_children_keep_the_instance_numbers_of_their_parent():
    assert HENB.children("") == ("Device.",)
    assert HENB.children("Device.Services.") == (FAP,)
    assert "Device.Time.NTPServer1" in HENB.children("Device.Time.")
    row = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.2."
    assert f"{row}PLMNID" in HENB.children(row)
    assert HENB.children(row) == HENB.children(row.rstrip("."))
    assert HENB.children("Device.Nothing.") == ()
    assert HENB.children("Device.Time.NTPServer1") == ()


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_reached_through_children(name):
    model = load_model(name)
    reached, ways = [], [""]
    while ways:
        below = model.children(ways.pop())
        reached += below
        ways += [each for each in below if each.endswith(".")]
    assert len(set(reached)) == len(reached)
    assert set(reached) >= {*model.objects, *model.parameters}


@pytest.mark.parametrize("name", NAMES)
def test_no_profile_has_spaces_around_its_name(name):
    assert [each.name for each in load_model(name).profiles if each.name != each.name.strip()] == []


def test_a_model_does_not_change():
    with pytest.raises(TypeError):
        HENB.parameters["Device.X"] = HENB.spec("Device.Time.Enable")
    with pytest.raises(dataclasses.FrozenInstanceError):
        HENB.spec("Device.Time.Enable").access = "R"
    assert load_model("henb") is HENB


def test_an_unknown_model_names_the_known():
    with pytest.raises(AcsError, match=r"'nothing'.*henb.*fapservice-2"):
        load_model("nothing")


@pytest.mark.parametrize("name", NAMES)
def test_each_default_is_a_value(name):
    wrong = [spec for spec in load_model(name).parameters.values() if spec.check(spec.default) is not None]
    assert not wrong


def test_a_tree_has_one_fapservice_and_no_other_rows_by_default():
    tree = instantiate(HENB, {})
    assert tree["Device.Services.FAPService.1.CellConfig.LTE.EPC.TAC"] == ("0", "xsd:unsignedInt")
    assert tree["Device.Time.Enable"] == ("0", "xsd:boolean")
    assert not any(".PLMNList." in path or "FAPService.2." in path for path in tree)
    assert list(tree) == sorted(tree)
    assert not [path for path in instantiate(HENB, {FAP: 0}) if "FAPService" in path]


def test_counts_of_entries_tell_the_rows():
    images = "Device.DeviceInfo.DeviceImageFile.{i}."
    tree = instantiate(HENB, {PLMN: 3, images: 2, "Device.FaultMgmt.SupportedAlarm.{i}.": 5})
    epc = "Device.Services.FAPService.1.CellConfig.LTE.EPC."
    assert tree[f"{epc}PLMNListNumberOfEntries"] == ("3", "xsd:unsignedInt")
    assert tree["Device.FaultMgmt.SupportedAlarmNumberOfEntries"][0] == "5"
    assert tree["Device.FaultMgmt.CurrentAlarmNumberOfEntries"][0] == "0"
    assert tree["Device.DeviceInfo.DeviceImageNumberOfEntries"][0] == "2"
    assert f"{epc}PLMNList.3.PLMNID" in tree
    assert f"{epc}PLMNList.4.PLMNID" not in tree


@pytest.mark.parametrize(
    "instances", [{"Device.Nothing.{i}.": 1}, {"Device.Time.": 1}, {PLMN: -1}, {PLMN.replace("{i}", "1"): 1}]
)
def test_instances_of_what_is_no_table_are_refused(instances):
    with pytest.raises(AcsError, match=re.escape(next(iter(instances)))):
        instantiate(HENB, instances)


TABLES = sorted(path for path, each in HENB.objects.items() if each.multiple and path.count("{i}") <= 2)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(TABLES), st.integers(0, 3), max_size=8))
def test_every_value_of_a_tree_is_one_that_the_model_accepts(instances):
    tree = instantiate(HENB, instances)
    for path, (value, kind) in tree.items():
        spec = HENB.spec(path)
        assert spec.check(value) is None, path
        assert spec.accepts_type(kind), path
        assert "{" not in path
    for path, (value, _) in tree.items():
        table = path.removesuffix("NumberOfEntries")
        if table != path and pattern_of(table) + ".{i}." in HENB.objects:
            rows = {each[len(table) + 1 :].split(".")[0] for each in tree if each.startswith(table + ".")}
            bare = not HENB.parameters_of(pattern_of(table) + ".{i}.")
            assert bare or len(rows) == int(value), path


def test_the_golden_configuration_can_be_set():
    golden = golden_configuration("henb")
    assert 24 <= len(golden) <= 30
    for name, value, kind in golden:
        assert HENB.check(name, value, kind) is None, HENB.check(name, value, kind)
    tree = instantiate(HENB, {PLMN: 1})
    assert {name for name, _, _ in golden} <= set(tree)


def test_radiation_begins_when_all_else_is_set():
    *_, last = golden_configuration("henb")
    assert last == ("Device.Services.FAPService.1.FAPControl.LTE.AdminState", "1", "xsd:boolean")


def test_an_unknown_golden_configuration_is_named():
    with pytest.raises(AcsError, match="'nothing'"):
        golden_configuration("nothing")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {name: Device.A, value: [1]}", "value"),
        ("- {name: Device.A, value: }", "value"),
        ("- {name: Device.A}", "value"),
        ("- {name: Device.A, value: x, kind: y}", "kind"),
        ("name: Device.A", "array"),
        ("- {name: Device.A, value: x}\n- {name: Device.A, value: y}", "Device.A is there more than once"),
        ("- [", "parsing"),
    ],
)
def test_a_bad_golden_configuration_names_the_file_and_the_place(text, reason):
    with pytest.raises(AcsError, match=rf"(?s)golden\.yaml.*: .*{reason}"):
        parse_golden(text, "golden.yaml")


def test_a_golden_value_without_type_is_a_string():
    assert parse_golden("- {name: Device.A, value: x}", "here") == [("Device.A", "x", "xsd:string")]
