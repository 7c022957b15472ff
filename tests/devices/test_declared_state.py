"""Layers, tags, sites and secrets in the store, and what they mean for one device."""

import pytest
from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import messages as m
from acs.declared import Entry, Layer, Write, parse_layer
from acs.errors import AcsError
from acs.store import Store

FAP = "Device.Services.FAPService.1."
PCI = f"{FAP}CellConfig.LTE.RAN.RF.PhyCellID"
CELLS = f"{FAP}CellConfig.LTE.RAN.NeighborList.LTECell."


def declare(conn: Connection, scope: str, text: str = "", **values: str) -> dev.LayerChange:
    layer = (
        parse_layer(text, "x")
        if text
        else Layer({name.replace("_", ".", 1): Entry(text) for name, text in values.items()})
    )
    return dev.set_layer(conn, scope, layer, who="me", now=1.0, why="because")


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=1.0)


def wanted(conn: Connection, device: dev.Device) -> dict[str, tuple[str, str]]:
    found = dev.declared(conn, device).wanted
    assert not found.problems
    return {each.name: (each.value, each.layer) for each in found.values}


async def test_the_layers_of_class_group_site_and_device(store: Store, device: dev.Device) -> None:
    for scope, value in (
        ("*", "0"),
        ("class:HeNB", "1"),
        ("group:pilot", "2"),
        ("site:x", "3"),
        (f"device:{device.device_key}", "4"),
        ("class:Other", "8"),
        ("site:y", "9"),
    ):
        await store.write(declare, scope, cell_pci=value)
    assert (await store.read(wanted, device))["cell.pci"] == ("4", f"device:{device.device_key}")
    await store.write(declare, f"device:{device.device_key}")
    assert (await store.read(wanted, device))["cell.pci"] == ("1", "class:HeNB")
    await store.write(dev.add_group, device.id, "pilot")
    assert (await store.read(wanted, device))["cell.pci"] == ("2", "group:pilot")
    await store.write(dev.set_site, device.id, "x")
    assert (await store.read(wanted, device))["cell.pci"] == ("3", "site:x")
    await store.write(dev.set_site, device.id, "")
    await store.write(dev.remove_group, device.id, "pilot")
    assert (await store.read(wanted, device))["cell.pci"] == ("1", "class:HeNB")


async def test_history_has_every_version_and_an_empty_layer_is_gone(store: Store) -> None:
    assert (await store.write(declare, "*", cell_pci="1")).version == 1
    assert (await store.write(declare, "*", cell_pci="2")).version == 2
    assert (await store.write(declare, "*")).version == 3
    assert await store.read(dev.layers) == []
    found = await store.read(dev.layer_history, "*")
    assert [(each.version, each.layer.size, each.changed_by, each.why) for each in found] == [
        (3, 0, "me", "because"),
        (2, 1, "me", "because"),
        (1, 1, "me", "because"),
    ]
    assert await store.read(dev.layer_history, "class:x") == []
    assert await store.read(dev.verify_audit) is None


async def test_two_names_for_one_parameter_are_refused_with_both_layers(store: Store) -> None:
    await store.write(declare, "*", cell_pci="1")
    with pytest.raises(AcsError, match=r"cell\.pci in \* and .*PhyCellID in class:HeNB"):
        await store.write(declare, "class:HeNB", f"values: {{{PCI}: 2}}")
    assert [each.scope for each in await store.read(dev.layers)] == ["*"]


async def test_templates_know_the_site(store: Store, device: dev.Device) -> None:
    await store.write(
        declare, "*", segw_address="segw.{{ site.region }}.{{ site.name }}", s1_port="{{ site.port }}"
    )
    found = await store.read(dev.declared, device)
    assert len(found.wanted.problems) == 2
    await store.write(dev.set_site, device.id, "x")
    await store.write(dev.set_site_values, "x", {"region": "north", "port": "36412"})
    assert {value for value, _ in (await store.read(wanted, device)).values()} == {"segw.north.x", "36412"}
    assert await store.read(dev.sites) == {"x": {"region": "north", "port": "36412"}}


async def test_what_a_device_says_can_not_ask_for_a_secret(store: Store) -> None:
    hostile = m.SECRET_PLACEHOLDER + "root"
    device = await store.write(dev.register, "0005B9", "B1", product_class=hostile, now=1.0)
    await store.write(declare, "*", provisioning_code="{{ device.product_class }}")
    [problem] = (await store.read(dev.declared, device)).wanted.problems
    assert "can't have the character" in problem


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Region", "x", "is no name of a value"),
        ("name", "x", "is no name of a value"),
        ("a", "x" * 2000, "more than 1024 characters"),
    ],
)
async def test_a_wrong_value_of_a_site_is_refused(store: Store, name: str, value: str, said: str) -> None:
    with pytest.raises(AcsError, match=said):
        await store.write(dev.set_site_values, "x", {name: value})


async def test_a_wrong_group_is_refused(store: Store, device: dev.Device) -> None:
    for name in ("", "a\nb", "x" * 80, "<script>"):
        with pytest.raises(AcsError, match="is no name of a group"):
            await store.write(dev.add_group, device.id, name)


async def test_plan_and_drift_go_by_what_is_known(store: Store, device: dev.Device) -> None:
    table = f"{{{CELLS}: {{key: [PhyCellID], rows: [{{PhyCellID: 5}}]}}}}"
    await store.write(declare, "*", f"{{values: {{cell.pci: 7, cell.tac: 1}}, tables: {table}}}")
    known = [
        m.ParameterValue(PCI, "8"),
        m.ParameterValue(f"{FAP}CellConfig.LTE.EPC.TAC", "1", "xsd:unsignedInt"),
        m.ParameterValue(f"{CELLS}2.PhyCellID", "5", "xsd:unsignedInt"),
    ]
    await store.write(dev.save_parameters, device.id, known, now=1.0)
    _, plan = await store.read(dev.plan_of, device)
    assert [(each.path, each.was, each.value) for each in plan.values] == [(PCI, "8", "7")]
    [found] = await store.read(dev.drift, device)
    assert (found.kind, found.path, found.wanted, found.actual) == ("value", PCI, "7", "8")
    await store.write(dev.save_parameters, device.id, [m.ParameterValue(PCI, "7")], now=1.0)
    assert (await store.read(dev.plan_of, device))[1].steps == ()


async def test_a_secret_is_set_until_its_version_was_written(store: Store, device: dev.Device) -> None:
    password = "Device.ManagementServer.Password"
    await store.write(declare, "*", f"values: {{{password}: {{secret: cwmp}}}}")
    assert "there is no secret 'cwmp'" in (await store.read(dev.declared, device)).wanted.problems[0]
    assert await store.write(dev.set_config_secret, "cwmp", b"sealed", now=1.0) == 1
    declared, plan = await store.read(dev.plan_of, device)
    assert plan.values[0].secret == "cwmp"
    written = [Write(password, declared.secret_versions["cwmp"], "*", 1, 2.0)]
    await store.write(dev.note_writes, device.id, written, now=2.0)
    assert (await store.read(dev.plan_of, device))[1].steps == ()
    assert await store.write(dev.set_config_secret, "cwmp", b"other", now=3.0) == 2
    assert len((await store.read(dev.plan_of, device))[1].steps) == 1
    assert await store.read(dev.sealed_config_secrets, {"cwmp"}) == {"cwmp": b"other"}
    with pytest.raises(AcsError, match="there is no secret 'x'"):
        await store.read(dev.sealed_config_secrets, {"x"})


async def test_writes_are_remembered_for_a_while(store: Store, device: dev.Device) -> None:
    old, new = Write("Device.A", "1", "*", 1, 10.0), Write("Device.A", "2", "*", 2, 10.0 + 8 * 86400)
    await store.write(dev.note_writes, device.id, [old], now=10.0)
    assert await store.read(dev.writes_of, device, since=0) == [old]
    await store.write(dev.note_writes, device.id, [new], now=new.at)
    assert await store.read(dev.writes_of, device, since=0) == [new]
    assert await store.read(dev.writes_of, device, since=new.at + 1) == []


async def test_what_is_asked_for_is_taken_once(store: Store, device: dev.Device) -> None:
    await store.write(dev.request_config, device.id, who="me", because="a", now=1.0)
    await store.write(dev.request_config, device.id, who="me", because="b", now=2.0)
    assert await store.write(dev.take_config_request, device.id) == dev.ConfigRequest("me", "b", 2.0)
    assert await store.write(dev.take_config_request, device.id) is None
