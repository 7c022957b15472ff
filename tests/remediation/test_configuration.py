"""Declared state is applied as a case: in order, verified, once, and whatever gets lost on the way."""

import random

import pytest

from acs import commands as cm
from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import Profiles, install_profiles
from acs.datamodel.profiles import parse_profile
from acs.declared import Layer, parse_layer
from acs.declared.loops import MOST_CONTESTED
from acs.remediation.playbooks import PLAYBOOKS, Result
from acs.simulator import Fault, rpc
from tests.world import World

FAP = "Device.Services.FAPService.1."
PCI = f"{FAP}CellConfig.LTE.RAN.RF.PhyCellID"
ADMIN = f"{FAP}FAPControl.LTE.AdminState"
CELLS = f"{FAP}CellConfig.LTE.RAN.NeighborList.LTECell."
INTERVAL = "Device.ManagementServer.PeriodicInformInterval"
LAYER = f"""
values: {{ cell.pci: "7", cell.admin_state: true, cell.access_mode: hybrid }}
tables:
  {CELLS}:
    key: [PhyCellID]
    exact: true
    rows:
      - {{ PhyCellID: 5, EUTRACarrierARFCN: 6300 }}
      - {{ PhyCellID: 6, EUTRACarrierARFCN: 6300 }}
"""


def make(layer: str = "", **options) -> World:
    world = World(golden=False, **options)
    declare(world, layer)
    world.boot()
    return world


def declare(world: World, text: str, scope: str = "*") -> None:
    layer = parse_layer(text, "layer") if text else Layer()
    with world.conn.begin():
        dev.set_layer(world.conn, scope, layer, who="me", now=world.now)


def apply(world: World, seconds: float = 60) -> rm.Case:
    with world.conn.begin():
        rm.apply_declared(world.conn, world.device.id, who="me", because="test", env=world.env, now=world.now)
    world.run(seconds)
    return world.cases("configuration")[-1]


def sent(world: World, case: rm.Case, method: str = "") -> list[m.Message]:
    found = world.look(cm.list_commands, case_id=case.id)[::-1]
    return [
        each.message for each in found if each.method.startswith(method) and not each.method.startswith("Get")
    ]


def cells(world: World) -> list[str]:
    """Return the PhyCellIDs of the neighbours that the device has."""
    tree = world.henb.tree
    return sorted(tree.value(name) for name in tree.below(CELLS) if name.endswith("PhyCellID"))


def test_it_is_planned_sent_in_order_and_read_back():
    world = make()
    declare(world, LAYER)
    case = apply(world)
    assert (case.state, case.outcome) == ("closed", "CONFIGURED")
    requests = sent(world, case)
    assert [m.method_name(each) for each in requests] == [
        "AddObject",
        "AddObject",
        "SetParameterValues",
        "SetParameterValues",
    ]
    assert [each.name for each in requests[-1].parameters] == [ADMIN]
    values = {
        name: world.henb.tree.value(name)
        for name in (PCI, ADMIN, f"{CELLS}1.PhyCellID", f"{CELLS}2.PhyCellID")
    }
    assert values == {PCI: "7", ADMIN: "1", f"{CELLS}1.PhyCellID": "5", f"{CELLS}2.PhyCellID": "6"}
    assert world.henb.tree.value("Device.ManagementServer.ParameterKey").startswith(f"c{case.id}-")
    assert world.look(dev.drift, world.device) == []


def test_a_second_application_sends_nothing():
    world = make()
    declare(world, LAYER)
    apply(world)
    again = apply(world)
    assert (again.outcome, again.because) == ("CONFIGURED", "nothing had to be sent")
    assert sent(world, again) == []


def test_provisioning_applies_the_declared_state_and_leaves_it_what_is_declared():
    world = make(LAYER.replace("values: {", "values: { inform.interval: 1234, "))
    [case] = world.cases("provisioning")
    assert case.outcome == "PROVISIONED"
    assert world.henb.tree.value(PCI) == "7"
    assert world.henb.tree.value(INTERVAL) == "1234"
    requests = sent(world, case, "SetParameterValues")
    names = [each.name for request in requests for each in request.parameters]
    assert names.count(INTERVAL) == 1  # the policy leaves to the declared state what is declared


def test_rows_that_are_not_declared_are_deleted_and_others_kept():
    world = make(LAYER)
    declare(world, LAYER.replace("PhyCellID: 6", "PhyCellID: 9"))
    case = apply(world)
    assert [m.method_name(each) for each in sent(world, case)] == [
        "DeleteObject",
        "AddObject",
        "SetParameterValues",
    ]
    assert sent(world, case)[0].object_name == f"{CELLS}2."
    rows = {
        name: world.henb.tree.value(name)
        for name in world.henb.tree.below(CELLS)
        if name.endswith("PhyCellID")
    }
    assert sorted(rows.values()) == ["5", "9"]


def test_a_wrong_declaration_is_told_and_nothing_is_sent():
    world = make()
    declare(world, "values: { segw.address: '{{ site.nothing }}' }")
    case = apply(world)
    assert case.outcome == "FAILED"
    assert "segw.address in *" in case.because
    assert sent(world, case) == []


def test_what_does_not_stick_is_told():
    world = make()
    declare(world, "values: { cell.pci: 7 }")
    tree = world.henb.tree
    real = tree.set
    tree.set = lambda name, value: real(name, value) if name != PCI else None
    case = apply(world)
    assert case.outcome == "FAILED"
    assert case.because == f"the configuration does not stick: {PCI} is '0', not '7' (cell.pci in *)"


MISSING = f"{FAP.replace('1', '7')}CellConfig.LTE.EPC.TAC"


def test_a_parameter_that_the_device_does_not_have_is_named_with_its_layer():
    world = make()
    declare(world, f"values: {{ cell.pci: 7, cell.tac: 3, clock.enabled: true, {MISSING}: 5 }}")
    case = apply(world)
    assert case.outcome == "FAILED"
    assert case.because.startswith(f"the device has no {MISSING}, declared by *; take it out of there")
    assert sent(world, case) == []


def test_what_a_device_never_had_does_not_drive_it_up_the_ladder():
    world = World()
    world.boot()
    declare(world, f"values: {{ {MISSING}: 5 }}", scope="group:pilot")
    with world.conn.begin():
        dev.add_group(world.conn, world.device.id, "pilot")
    world.tamper("configuration-modified")
    [case] = world.cases()
    assert (case.outcome, world.rungs(case)) == ("REMEDIATED", ["reconfigure"])
    assert any(f"the device has no {MISSING}" in each.detail for each in world.journal(case))


def test_a_device_that_denies_what_it_had_is_not_reconfigured():
    world = World()
    world.boot()
    value = m.ParameterValue(MISSING, "5", "xsd:unsignedInt")
    with world.conn.begin():
        dev.save_parameters(world.conn, world.device.id, [value], now=world.now)
    declare(world, f"values: {{ {MISSING}: 5 }}", scope="device:" + world.device.device_key)
    world.tamper("configuration-modified")
    reasons = [each.because for each in world.journal(world.cases()[0])]
    assert any(f"the device no longer has {MISSING}" in each for each in reasons)


def test_a_value_that_the_device_refuses_is_named_with_its_layer(monkeypatch):
    world = make()
    declare(world, "values: { cell.pci: 7, cell.tac: 3 }")
    real = rpc._refused
    fault = m.SetParameterValuesFault(PCI, 9007, "not in this country")
    monkeypatch.setattr(
        rpc, "_refused", lambda henb, each, *plain: fault if each.name == PCI else real(henb, each, *plain)
    )
    case = apply(world)
    assert case.outcome == "FAILED"
    assert f"({PCI}: 9007); declared by cell.pci in *" in case.because


def test_a_device_that_sets_a_value_back_is_found_and_named():
    world = make()
    declare(world, "values: { cell.pci: 7 }")
    for _ in range(MOST_CONTESTED):
        world.henb.tree.set(PCI, "66")
        assert apply(world).outcome == "CONFIGURED"
    world.henb.tree.set(PCI, "66")
    case = apply(world)
    assert case.outcome == "FAILED"
    assert f"{PCI} does not stay: cell.pci in * sets it to '7'" in case.because
    assert "sets it back to '66'" in case.because
    assert sent(world, case) == []


def test_an_operator_who_sets_a_value_back_is_named():
    world = make()
    declare(world, "values: { cell.pci: 7 }")
    for number in range(MOST_CONTESTED + 1):
        value = m.ParameterValue(PCI, "66", "xsd:string")
        with world.conn.begin():
            asked = cm.enqueue(
                world.conn,
                world.device.id,
                m.SetParameterValues((value,), "k"),
                command_key=f"op-{number}",
                purpose="operator",
                now=world.now,
            )
        world.run(60)
        case = apply(world)
    assert case.outcome == "FAILED"
    assert f"sets it to '7', command {asked.id} (operator) sets it to '66'" in case.because


def test_two_layers_that_fight_are_both_named():
    world = make()
    scopes = ("*", "class:HeNB-LTE")
    for number in range(MOST_CONTESTED + 1):
        declare(world, "", scope=scopes[(number + 1) % 2])
        declare(world, f"values: {{ cell.pci: {number % 2 + 5} }}", scope=scopes[number % 2])
        case = apply(world)
    assert case.outcome == "FAILED"
    assert "cell.pci in class:HeNB-LTE sets it to '6'" in case.because
    assert "cell.pci in * sets it to '5'" in case.because


def test_an_operator_may_change_their_mind_often():
    world = make()
    for number in range(3 * MOST_CONTESTED):
        declare(world, f"values: {{ cell.pci: {number} }}")
        assert apply(world).outcome == "CONFIGURED"


def test_it_waits_for_the_case_that_is_open():
    world = make()
    world.reachable = False
    declare(world, "values: { cell.pci: 7 }")
    first = apply(world, seconds=1)
    assert first.state == "active"
    declare(world, "values: { cell.pci: 8 }")
    with world.conn.begin():
        waits = rm.apply_declared(
            world.conn, world.device.id, who="me", because="b", env=world.env, now=world.now
        )
    assert waits is not None
    assert waits.id == first.id
    world.reachable = True
    world.run(4000)
    assert [each.state for each in world.cases("configuration")] == ["closed", "closed"]
    assert world.henb.tree.value(PCI) == "8"


@pytest.mark.parametrize(("busy", "outcome"), [("[]", "FAILED"), ("[9811]", "CONFIGURED")])
def test_a_busy_device_is_asked_again_where_its_profile_says_what_busy_is(busy, outcome):
    profile = f"{{match: [{{product_class: HeNB-LTE}}], busy_faults: {busy}}}"
    install_profiles(Profiles([parse_profile(profile, "own.yaml")]))
    try:
        world = make()
        declare(world, "values: { cell.pci: 7 }")
        world.henb.faults = [Fault("SetParameterValues", 9811)]
        assert apply(world, seconds=600).outcome == outcome
    finally:
        install_profiles(None)


@pytest.fixture
def locked():
    """Devices of the test's ProductClass change their PCI only while the cell is locked."""
    text = f"{{match: [{{product_class: HeNB-LTE}}], locked_for: ['{PCI}']}}"
    install_profiles(Profiles([parse_profile(text, "locked.yaml")]))
    yield
    install_profiles(None)


@pytest.mark.usefixtures("locked")
def test_the_cell_is_locked_for_what_needs_it():
    world = make("values: { cell.admin_state: true }")
    declare(world, "values: { cell.admin_state: true, cell.pci: 9, cell.tac: 3 }")
    case = apply(world)
    assert case.outcome == "CONFIGURED"
    requests = [
        [(each.name, each.value) for each in request.parameters] for request in sent(world, case, "Set")
    ]
    assert (requests[0], requests[-1]) == ([(ADMIN, "0")], [(ADMIN, "1")])
    assert (PCI, "9") in requests[1]
    declare(world, "values: { cell.admin_state: true, cell.pci: 9, cell.tac: 4 }")
    assert len(sent(world, apply(world), "Set")) == 1


@pytest.mark.parametrize("seed", range(6))
def test_whatever_gets_lost_the_device_ends_as_declared_or_it_is_told(seed):
    chance = random.Random(seed)
    world = make()
    world.lose = lambda where: chance.random() < 0.15
    declare(world, LAYER)
    apply(world, seconds=3 * 3600)
    world.lose = lambda where: False
    world.run(3 * 3600)
    case = world.cases("configuration")[-1]
    assert case.state == "closed"
    if case.outcome == "FAILED":  # an AddObject of which nobody knows whether it was done
        assert "outcome unknown" in case.because or "in time" in case.because
        case = apply(world)
    assert case.outcome == "CONFIGURED"
    assert cells(world) == ["5", "6"]


def test_a_mistake_in_the_declaration_does_not_drive_a_device_up_the_ladder():
    world = World()
    world.boot()
    declare(world, "values: { provisioning.code: '{{ site.x }}' }", scope="group:pilot")
    with world.conn.begin():
        dev.add_group(world.conn, world.device.id, "pilot")
    world.tamper("configuration-modified")
    [case] = world.cases()
    assert (case.outcome, world.rungs(case)) == ("REMEDIATED", ["reconfigure"])
    assert any("the declared state is wrong" in each.detail for each in world.journal(case))


def test_a_playbook_reads_and_sets_by_canonical_names(monkeypatch):
    found = {}

    async def playbook(case):
        outcome = await case.set_canonical({"cell.pci": "9", "cell.bandwidth_dl": "20"}, because="test")
        _, found["values"] = await case.get_canonical(
            ["cell.pci", "cell.bandwidth_dl", "s1.status"], because="test"
        )
        return Result("DONE" if outcome.ok else "FAILED", "test")

    monkeypatch.setitem(PLAYBOOKS, ("configuration", "1"), playbook)
    world = make()
    assert apply(world).outcome == "DONE"
    assert found["values"] == {"cell.pci": "9", "cell.bandwidth_dl": "20"}
    assert world.henb.tree.value(PCI) == "9"


def test_a_new_row_that_can_not_be_filled_is_not_left_behind(monkeypatch):
    """Or every attempt would add another empty one, until the table is full."""
    world = make()
    declare(world, LAYER.replace("exact: true", "exact: false"))
    real = rpc._refused
    fault = m.SetParameterValuesFault("x", 9007, "not in this country")
    refuse = {"now": True}

    def refused(henb, each, *plain):
        return fault if refuse["now"] and CELLS in each.name else real(henb, each, *plain)

    monkeypatch.setattr(rpc, "_refused", refused)
    for _ in range(2):
        assert apply(world).outcome == "FAILED"
        assert not [name for name in world.henb.tree.below(CELLS) if name.endswith("PhyCellID")]
    refuse["now"] = False
    assert apply(world).outcome == "CONFIGURED"
    assert cells(world) == ["5", "6"]


def test_a_new_row_is_not_left_behind_where_the_table_has_no_room_for_the_next(monkeypatch):
    world = make()
    declare(world, LAYER.replace("exact: true", "exact: false"))
    real, added = rpc._HANDLERS[m.AddObject], []

    def add(henb, request, now):
        added.append(request)
        if len(added) % 2 == 0:
            return m.Fault(9004, "the table is full")
        return real(henb, request, now)

    monkeypatch.setitem(rpc._HANDLERS, m.AddObject, add)
    assert apply(world).outcome == "FAILED"
    assert len(added) == 2
    assert not [name for name in world.henb.tree.below(CELLS) if name.endswith("PhyCellID")]


@pytest.mark.parametrize(("reboots", "outcome"), [("false", "FAILED"), ("true", "CONFIGURED")])
def test_a_device_that_applies_when_it_boots_is_rebooted_where_its_profile_says_so(
    monkeypatch, reboots, outcome
):
    text = f"{{match: [{{product_class: HeNB-LTE}}], status_1_means_reboot: {reboots}}}"
    install_profiles(Profiles([parse_profile(text, "own.yaml")]))
    try:
        world = make()
        declare(world, "values: { cell.pci: 7 }")
        tree, held = world.henb.tree, {}
        put = tree.set
        real, boot = rpc._HANDLERS[m.SetParameterValues], rpc._HANDLERS[m.Reboot]

        def hold(name, *given):
            if name == PCI:
                held[name] = given
            else:
                put(name, *given)

        def later(henb, request, now):
            answer = real(henb, request, now)
            return answer if isinstance(answer, m.Fault) else m.SetParameterValuesResponse(1)

        def apply_held(henb, request, now):
            for name, given in held.items():
                put(name, *given)
            return boot(henb, request, now)

        monkeypatch.setattr(tree, "set", hold)
        monkeypatch.setitem(rpc._HANDLERS, m.SetParameterValues, later)
        monkeypatch.setitem(rpc._HANDLERS, m.Reboot, apply_held)
        case = apply(world, seconds=3600)
        assert case.outcome == outcome
        assert ("it answered Status 1" in case.because) is (outcome == "FAILED")
    finally:
        install_profiles(None)
