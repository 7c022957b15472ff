"""Layers put together for one device."""

import json

import pytest

from acs.datamodel import STANDARD, Alias, Profile
from acs.declared import Entry, Facts, Layer, parse_layer, resolve, scope_rank
from acs.errors import AcsError

FAP = "Device.Services.FAPService.1."
PCI = f"{FAP}CellConfig.LTE.RAN.RF.PhyCellID"
ADMIN = f"{FAP}FAPControl.LTE.AdminState"
CELLS = f"{FAP}CellConfig.LTE.RAN.NeighborList.LTECell."
FACTS = Facts({"oui": "0005B9", "serial_number": "A1"}, {"name": "x", "region": "north"}, ("pilot",))


def layers(**values: dict[str, str]) -> dict[str, Layer]:
    """Layers by scope; ``all_`` is ``*``, ``class_A`` is ``class:A``."""
    names = {"all_": "*"}
    return {
        names.get(scope, scope.replace("_", ":", 1)): Layer(
            {name: Entry(text) for name, text in entries.items()}
        )
        for scope, entries in values.items()
    }


def test_the_particular_goes_over_the_general():
    scopes = ["*", "class:A", "group:a", "group:b", "site:x", "device:y"]
    assert sorted(["site:x", "device:y", "group:b", "*", "group:a", "class:A"], key=scope_rank) == scopes
    wanted = resolve(
        layers(
            device_y={"cell.pci": "6"},
            all_={"cell.pci": "1", "cell.tac": "1", "clock.server": "a"},
            site_x={"cell.pci": "5", "cell.tac": "5"},
            class_A={"cell.pci": "2", "clock.server": "b"},
        ),
        FACTS,
        STANDARD,
    )
    assert not wanted.problems
    assert {each.name: (each.value, each.layer) for each in wanted.values} == {
        "cell.pci": ("6", "device:y"),
        "cell.tac": ("5", "site:x"),
        "clock.server": ("b", "class:A"),
    }


@pytest.mark.parametrize("scope", ["", "**", "class:", "class", "*:x", "shelf:3"])
def test_a_scope_that_is_none_is_refused(scope):
    with pytest.raises(AcsError, match="is none"):
        scope_rank(scope)


def test_two_groups_that_disagree_are_a_problem_that_a_site_can_decide():
    disagree = layers(group_a={"cell.pci": "1"}, group_b={"cell.pci": "2"})
    [problem] = resolve(disagree, FACTS, STANDARD).problems
    assert "group:a and group:b say different things of cell.pci" in problem
    assert not resolve({**disagree, **layers(site_x={"cell.pci": "3"})}, FACTS, STANDARD).problems
    assert not resolve(layers(group_a={"cell.pci": "1"}, group_b={"cell.pci": "1"}), FACTS, STANDARD).problems


def test_templates_ask_for_the_site_and_the_device():
    texts = {
        "segw.address": "segw.{{ site.region }}.example",
        "provisioning.code": "{{ device.oui | lower }}",
    }
    wanted = resolve(layers(all_=texts), FACTS, STANDARD)
    assert [each.value for each in wanted.values] == ["0005b9", "segw.north.example"]
    [problem] = resolve(layers(all_={"segw.address": "{{ site.city }}"}), FACTS, STANDARD).problems
    assert problem.startswith("segw.address in *: ")


@pytest.mark.parametrize(
    ("site", "text", "said"),
    [
        ({}, "{{ site.tac }}", "the device is at no site, so there is no 'tac'; see: acs devices tag"),
        ({"name": "x"}, "{{ site.tac }}", "the site x has no 'tac'; see: acs config site"),
        ({"name": "x"}, "{{ device.serial }}", "a device has no 'serial', it has oui, serial_number"),
        ({"name": "x", "tac": "7"}, "{{ site.tac + 1 }}", "made numbers with | int"),
    ],
)
def test_what_a_template_lacks_is_told_with_its_remedy(site, text, said):
    facts = Facts(FACTS.device, site)
    [problem] = resolve(layers(all_={"cell.tac": text}), facts, STANDARD).problems
    assert problem.startswith("cell.tac in *: ")
    assert said in problem


def test_a_name_that_the_model_misses_is_a_problem_unless_the_device_told_of_it():
    """Sent, it would take the whole request with it; the parameters of vendors are left to the device."""
    mistyped, vendor = f"{FAP}CellConfig.LTE.EPC.TAK", f"{FAP}CellConfig.LTE.EPC.X_V_New"
    [problem] = resolve(layers(all_={mistyped: "1", vendor: "1"}), FACTS, STANDARD).problems
    assert problem.startswith(f"{mistyped} in *: the model henb has no {mistyped}; did you mean ")
    assert "EPC.TAC" in problem
    told = Facts(FACTS.device, types={mistyped: "xsd:unsignedInt"})
    assert not resolve(layers(all_={mistyped: "1"}), told, STANDARD).problems
    alias = Profile(name="p", aliases={"cell.tac": Alias(path=mistyped)})
    assert not resolve(layers(all_={"cell.tac": "1"}), FACTS, alias).problems
    rows = {CELLS: {"key": ["PhyCellId"], "rows": [{"PhyCellId": "1"}]}}
    [problem] = resolve({"*": parse_layer(json.dumps({"tables": rows}), "t")}, FACTS, STANDARD).problems
    assert "did you mean" in problem
    assert "PhyCellID" in problem


def test_a_hidden_parameter_is_declared_as_a_secret():
    """It reads back empty: it would be set for ever, and stand in every plan."""
    path = "Device.Users.User.1.Password"
    [problem] = resolve(layers(all_={path: "hunter2"}), FACTS, STANDARD).problems
    assert problem == f"{path} in *: {path} is hidden and reads back empty; declare it as {{ secret: NAME }}"
    assert not resolve({"*": Layer({path: Entry(secret="user")})}, FACTS, STANDARD).problems
    serial = {"*": Layer({"Device.DeviceInfo.SerialNumber": Entry(secret="user")})}
    assert "can't be written (fault 9008)" in resolve(serial, FACTS, STANDARD).problems[0]


def test_a_profile_whose_model_is_not_packaged_is_as_good_as_any():
    profile = Profile(name="p", model="X_V_Board:1.0")
    wanted = resolve(layers(all_={"cell.tac": "7"}), FACTS, profile)
    assert not wanted.problems
    assert wanted.values[0].type == "xsd:unsignedInt"


def test_values_stand_in_the_plan_as_they_are_sent():
    profile = Profile(name="p", booleans="true/false")
    named = {"cell.admin_state": "on", "Device.Time.Enable": "yes"}
    assert [each.value for each in resolve(layers(all_=named), FACTS, profile).values] == ["true", "true"]
    assert [each.value for each in resolve(layers(all_=named), FACTS, STANDARD).values] == ["1", "1"]


def test_canonical_values_stand_where_the_device_has_them():
    wanted = resolve(layers(all_={"cell.admin_state": "off", "cell.bandwidth_dl": "10"}), FACTS, STANDARD)
    assert {each.path: (each.value, each.type) for each in wanted.values} == {
        ADMIN: ("0", "xsd:boolean"),
        f"{FAP}CellConfig.LTE.RAN.RF.DLBandwidth": ("50", "xsd:string"),
    }
    issue_1 = Profile(name="x", tree="tr-196-1", model="henb-issue-1")
    [problem] = resolve(layers(all_={"cell.pci": "1"}), FACTS, issue_1).problems
    assert "a device of the profile x has no cell.pci" in problem


def test_paths_stand_below_the_root_that_the_device_has():
    igd = Facts({}, root="InternetGatewayDevice.")
    wanted = resolve(layers(all_={PCI: "1", "cell.tac": "7"}), igd, STANDARD)
    assert all(each.path.startswith("InternetGatewayDevice.") for each in wanted.values)
    assert not wanted.problems


def test_a_value_with_the_opposite_sense_on_the_device():
    profile = Profile(name="x", inverted=(f"{FAP.replace('1', '{i}')}FAPControl.LTE.AdminState",))
    for name in ("cell.admin_state", ADMIN):
        [value] = resolve(layers(all_={name: "true"}), FACTS, profile).values
        assert value.value == "0"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("cell.tac", "70000", "outside of 0..65535 (fault 9007)"),
        ("cell.admin_state", "maybe", "true or false"),
        ("software.version", "2", "can't be written (fault 9008)"),
        ("Device.Time.Enable", "maybe", "is no boolean"),
    ],
)
def test_a_wrong_value_is_a_problem_that_names_its_layer(name, text, said):
    [problem] = resolve(layers(site_x={name: text}), FACTS, STANDARD).problems
    assert said in problem
    assert f"{name}" in problem


def test_two_names_for_one_parameter_are_a_problem():
    found = resolve(layers(all_={"cell.pci": "1"}, site_x={PCI: "2"}), FACTS, STANDARD).problems
    assert "are the same parameter" in found[0]


def test_tables_of_the_most_particular_layer():
    text = "tables: {%s: {key: [PhyCellID], rows: [{PhyCellID: %s, EUTRACarrierARFCN: 6300}]}}"
    found = resolve(
        {"*": parse_layer(text % (CELLS, 1), "a"), "site:x": parse_layer(text % (CELLS, 2), "b")},
        FACTS,
        STANDARD,
    )
    [table] = found.tables
    assert table.layer == "site:x"
    assert table.rows[0].fields == (
        ("EUTRACarrierARFCN", "6300", "xsd:unsignedInt"),
        ("PhyCellID", "2", "xsd:unsignedInt"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tables: {CELLS: {key: [PhyCellID], rows: [{PhyCellID: 1}, {PhyCellID: 1}]}}", "the same key"),
        ("tables: {CELLS: {key: [PhyCellID], rows: [{PhyCellID: x}]}}", "is no unsignedInt"),
        ("tables: {CELLS: {key: [PhyCellID], rows: [{PhyCellID: '{{ nobody }}'}]}}", "is undefined"),
        (
            "{values: {CELLS1.PhyCellID: 1}, tables: {CELLS: {key: [PhyCellID], rows: []}}}",
            "part of",
        ),
    ],
)
def test_what_is_wrong_with_a_table(text, said):
    layer = parse_layer(text.replace("CELLS", CELLS), "a")
    assert any(said in each for each in resolve({"*": layer}, FACTS, STANDARD).problems)


def test_a_secret_is_a_name_and_no_value():
    layer = parse_layer("values: {Device.ManagementServer.Password: {secret: cwmp}}", "a")
    [value] = resolve({"*": layer}, FACTS, STANDARD).values
    assert (value.value, value.secret, value.type) == ("", "cwmp", "xsd:string")


def test_where_the_particular_is_wrong_the_general_is_not_taken_for_it():
    found = resolve(layers(all_={"cell.pci": "1"}, site_x={"cell.pci": "{{ site.pci }}"}), FACTS, STANDARD)
    assert (found.values, len(found.problems)) == ((), 1)
    own = layers(all_={"cell.pci": "1"}, site_x={"cell.pci": "{{ site.pci }}"}, device_y={"cell.pci": "3"})
    assert [each.value for each in resolve(own, FACTS, STANDARD).values] == ["3"]


def test_a_table_with_a_wrong_row_is_left_out_as_a_whole():
    text = (
        f"tables: {{{CELLS}: {{key: [PhyCellID], exact: true, rows: [{{PhyCellID: 1}}, {{PhyCellID: x}}]}}}}"
    )
    found = resolve({"*": parse_layer(text, "a")}, FACTS, STANDARD)
    assert (found.tables, len(found.problems)) == ((), 1)
