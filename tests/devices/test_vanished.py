"""Rows that a device no longer has are forgotten when their table is read; on both engines."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.store import Store

NOW = 1_800_000_000.0
CELLS = "Device.Services.FAPService.1.REM.LTE.Cell."


def values(*names: str) -> list[m.ParameterValue]:
    return [m.ParameterValue(each, "1") for each in names]


@pytest.fixture
async def device(store: Store) -> dev.Device:
    made = await store.write(dev.register, "0005B9", "1", now=NOW)
    known = values(
        f"{CELLS}1.BCCH.CellID",
        f"{CELLS}2.BCCH.CellID",
        f"{CELLS}2.BCCH.PLMNList.1.PLMNID",
        f"{CELLS}2.BCCH.PLMNList.2.PLMNID",
        f"{CELLS}20.BCCH.CellID",
        "Device.DeviceInfo.UpTime",
        "Device.DeviceInfo.HardwareVersion",
    )
    await store.write(dev.save_parameters, made.id, known, now=NOW)
    return made


async def read(store: Store, device: dev.Device, path: str, *names: str) -> set[str]:
    """Have a path read; return what was forgotten."""
    return await store.write(dev.forget_vanished, device.id, [path], values(*names))


async def test_a_row_that_is_gone_is_forgotten_with_all_below_it(store: Store, device: dev.Device) -> None:
    gone = await read(store, device, CELLS, f"{CELLS}1.BCCH.CellID", f"{CELLS}20.BCCH.CellID")
    assert gone == {
        f"{CELLS}2.BCCH.CellID",
        f"{CELLS}2.BCCH.PLMNList.1.PLMNID",
        f"{CELLS}2.BCCH.PLMNList.2.PLMNID",
    }
    left = await store.read(dev.parameters_of, device.id, CELLS)
    assert set(left) == {f"{CELLS}1.BCCH.CellID", f"{CELLS}20.BCCH.CellID"}


async def test_a_row_within_a_row_is(store: Store, device: dev.Device) -> None:
    there = [f"{CELLS}{each}.BCCH.CellID" for each in (1, 2, 20)]
    gone = await read(store, device, CELLS, *there, f"{CELLS}2.BCCH.PLMNList.1.PLMNID")
    assert gone == {f"{CELLS}2.BCCH.PLMNList.2.PLMNID"}


async def test_an_empty_table_has_no_rows(store: Store, device: dev.Device) -> None:
    assert len(await read(store, device, CELLS)) == 5
    assert await store.read(dev.parameters_of, device.id, CELLS) == {}


@pytest.mark.parametrize("path", ["Device.DeviceInfo.", "Device.DeviceInfo.UpTime", "Device.", ""])
async def test_parameters_that_are_in_no_row_and_other_paths_are_kept(
    store: Store, device: dev.Device, path: str
) -> None:
    assert await read(store, device, path, "Device.DeviceInfo.UpTime") == set()
    assert len(await store.read(dev.parameters_of, device.id)) == 7
