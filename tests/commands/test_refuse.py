"""Writes that the data model forbids are refused before they are queued, whoever wants them."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.store import Store
from acs.store.tables import discovered, parameters

TAC = "Device.Services.FAPService.1.CellConfig.LTE.EPC.TAC"


@pytest.fixture
async def device(store: Store) -> int:
    made: dev.Device = await store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=1.0)
    return made.id


async def put(store: Store, device: int, message: m.Message, **other: bool) -> str:
    try:
        await store.write(cm.enqueue, device, message, command_key="k", purpose="operator", now=1.0, **other)
    except cm.RefusedRequest as refused:
        assert await store.read(cm.list_commands) == []
        return str(refused)
    return ""


def values(name: str, value: str, kind: str = "xsd:string") -> m.SetParameterValues:
    return m.SetParameterValues((m.ParameterValue(name, value, kind),), "k")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (values(TAC, "70000", "xsd:unsignedInt"), f"{TAC}: 70000 is outside of 0..65535 (fault 9007)"),
        (values(TAC, "7"), f"{TAC} is xsd:unsignedInt, not xsd:string (fault 9006)"),
        (values(TAC + "C", "7"), f"no parameter {TAC}C; did you mean Device.Services.FAPService.{{i}}"),
        (values("Device.DeviceInfo.UpTime", "7", "xsd:unsignedInt"), "can't be written (fault 9008)"),
        (
            values("Device.IP.Diagnostics.IPPing.DiagnosticsState", "Complete"),
            "'Complete' is told by the device, never set; Requested, Canceled can be (fault 9007)",
        ),
        (m.AddObject("Device.DeviceInfo.Processor."), "can't be added by the ACS (fault 9001)"),
        (m.AddObject("Device.Time.Servers."), "no such table of instances (fault 9005)"),
    ],
)
async def test_a_refusal_names_parameter_value_and_rule(store: Store, device: int, message, told) -> None:
    assert told in await put(store, device, message)
    assert await put(store, device, message, unchecked=True) == ""


@pytest.mark.parametrize(
    "message",
    [
        values(TAC, "7", "xsd:unsignedInt"),
        values("Device.ManagementServer.ConnectionRequestPassword", m.CONNECTION_REQUEST_PASSWORD),
        values("Device.WiFi.Radio.1.Enable", "perhaps"),  # of an object that the model does not have
        values("Device.DeviceInfo.X_EXAMPLE_Mode", "x"),
        values("Device.DeviceInfo.X_EXAMPLE_Board.Mode", "x"),
        m.AddObject("Device.WiFi.SSID."),
        m.GetParameterValues(("Device.Nonsense",)),
    ],
)
async def test_what_the_model_does_not_know_is_left_to_the_device(store: Store, device: int, message) -> None:
    assert await put(store, device, message) == ""


async def test_what_the_device_told_counts_for_more(store: Store, device: int) -> None:
    odd, uptime = "Device.Time.OddOne", "Device.DeviceInfo.UpTime"

    def tell(conn) -> None:
        row = {"device_id": device, "generation": 1, "seen_at": 1.0}
        conn.execute(
            insert(discovered),
            [
                {**row, "path": odd, "writable": True},
                {**row, "path": uptime, "writable": True},
                {**row, "path": "Device.Time.Enable", "writable": False},
            ],
        )
        made = {"device_id": device, "name": TAC, "value": "1", "type": "xsd:string", "updated_at": 1.0}
        conn.execute(insert(parameters), [made])

    await store.write(tell)
    assert "(fault 9008)" in await put(store, device, values("Device.Time.Enable", "1", "xsd:boolean"))
    assert "'x' is no unsignedInt" in await put(store, device, values(uptime, "x", "xsd:unsignedInt"))
    assert "outside of" in await put(store, device, values(TAC, "70000"))
    for message in (values(odd, "x"), values(TAC, "7"), values(uptime, "7", "xsd:unsignedInt")):
        assert await put(store, device, message) == ""
