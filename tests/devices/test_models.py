"""Imported models in the store, and which model holds for a device."""

from __future__ import annotations

from typing import Any

import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.datamodel import Compact, ObjectSpec, ParameterSpec
from acs.datamodel.profiles import Profiles, load_profiles, parse_profile
from acs.declared import parse_layer
from acs.errors import AcsError
from acs.store import Store

BOARD = "Device.DeviceInfo.X_EXAMPLE_Board"


def compact(name: str, path: str, kind: str = "int", document: str = "urn:example-com:board-1-0") -> Compact:
    holder = path[: path.rfind(".") + 1]
    head = {"model": name, "document": document, "root": holder, "file": "board.xml"}
    return Compact(head, (ObjectSpec(holder, writable=False),), (ParameterSpec(path, kind, "W"),))


async def keep(store: Store, name: str, model: Compact) -> dev.StoredModel:
    return await store.write(dev.store_model, name, model, who="t", now=1.0)


async def device(store: Store, root: str = "Device.", **told: str) -> dev.Device:
    found: dev.Device = await store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=1.0)
    values = [m.ParameterValue(f"{root}{name.replace('__', '.')}", text) for name, text in told.items()]
    values.append(m.ParameterValue(f"{root}DeviceInfo.SoftwareVersion", "1"))
    await store.write(dev.save_parameters, found.id, values, now=1.0)
    await store.write(lambda conn: conn.exec_driver_sql(f"UPDATE devices SET root = '{root}'"))
    return await store.read(dev.get, found.id)


async def model_of(store: Store, of: dev.Device) -> Any:
    return await store.read(dev.model_for, of)


async def test_a_model_is_kept_replaced_and_dropped(store: Store) -> None:
    await keep(store, "Board:1.0", compact("Board:1.0", BOARD))
    first = (await store.read(dev.named_model, "Board:1.0")).parameters[BOARD]
    await keep(store, "Board:1.0", compact("Board:1.0", BOARD, "string"))
    again = (await store.read(dev.named_model, "Board:1.0")).parameters[BOARD]
    assert (first.type, again.type) == ("int", "string")
    (listed,) = await store.read(dev.stored_models)
    assert (listed.name, listed.parameters, listed.imported_by) == ("Board:1.0", 1, "t")
    assert await store.write(dev.drop_model, "Board:1.0")
    assert not await store.write(dev.drop_model, "Board:1.0")
    with pytest.raises(AcsError, match=r"no data model 'Board:1\.0'; known are henb"):
        await store.read(dev.named_model, "Board:1.0")


async def test_a_packaged_name_is_not_taken(store: Store) -> None:
    with pytest.raises(AcsError, match=r"name of a packaged model.*--name"):
        await keep(store, "henb", compact("henb", BOARD))


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("Device.", "Device.Services.FAPService.1.CellConfig.NR.NGC.TAC"),
        ("InternetGatewayDevice.", "InternetGatewayDevice.Services.FAPService.1.FAPControl.LTE.AdminState"),
    ],
)
async def test_the_root_decides_where_nothing_else_is_told(store: Store, root: str, path: str) -> None:
    found = await model_of(store, await device(store, root))
    assert found.spec(path).writable


@pytest.mark.parametrize(
    "told",
    [
        {"DeviceSummary": "Device:2.0[](Baseline:1), Board:1.0[1](Own:1)"},
        {"DeviceInfo__SupportedDataModel__1__URN": "urn:example-com:board-1-0"},
        {"DeviceInfo__SupportedDataModel__2__URL": "https://example.com/models/board-1-0.xml"},
    ],
)
async def test_an_imported_model_holds_for_devices_that_tell_of_it(store: Store, told) -> None:
    await keep(store, "Board:1.0", compact("Board:1.0", BOARD))
    found = await model_of(store, await device(store, **told))
    assert found.check(BOARD, "x").fault_code == 9007
    assert found.check("Device.Time.Enable", "1") is None
    assert found.name == "Board:1.0 over femto"


async def test_an_imported_model_holds_for_no_other_device(store: Store) -> None:
    await keep(store, "Board:1.0", compact("Board:1.0", BOARD))
    found = await model_of(store, await device(store, DeviceSummary="Device:2.0[](Baseline:1)"))
    assert found.spec(BOARD) is None


async def test_a_profile_may_name_a_model_that_is_not_there(store: Store, monkeypatch) -> None:
    """It was not imported yet, or was dropped: its devices come and are configured all the same."""
    mine = parse_profile('{extends: standard, match: [{oui: 0005B9}], model: "Board:1.0"}', "mine.yaml")
    profiles = Profiles([*(each.file for each in load_profiles().all), mine])
    monkeypatch.setattr("acs.datamodel.profiles._installed", profiles)
    found = await device(store)
    assert (await model_of(store, found)).name == "femto"
    assert await store.read(dev.missing_models, profiles) == {"mine.yaml": "Board:1.0"}
    layer = parse_layer("values: {cell.tac: 7}", "t")
    await store.write(lambda conn: dev.set_layer(conn, "*", layer, who="t", now=1.0))
    planned = (await store.read(dev.plan_of, found))[1]
    assert [each.value for each in planned.values] == ["7"]
    await keep(store, "Board:1.0", compact("Board:1.0", BOARD))
    assert (await model_of(store, found)).name == "Board:1.0"
    assert await store.read(dev.missing_models, profiles) == {}
    assert not (await store.read(dev.plan_of, found))[0].wanted.problems
