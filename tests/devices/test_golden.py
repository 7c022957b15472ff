"""The golden configuration by scope."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs.cwmp import messages as m
from acs.store import Store


def value(name: str, text: str, kind: str = "xsd:string") -> m.ParameterValue:
    return m.ParameterValue(f"Device.{name}", text, kind)


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A-1", product_class="HeNB", now=1.0)


async def test_the_particular_goes_over_the_general(store: Store, device: dev.Device) -> None:
    for scope, values in (
        ("*", [value("A", "all"), value("B", "all"), value("C", "all")]),
        ("class:HeNB", [value("B", "class"), value("C", "class")]),
        ("class:Other", [value("A", "other class")]),
        ("device:0005B9-A%2D1", [value("C", "own", "xsd:int")]),
        ("device:0005B9-A2", [value("A", "other device")]),
    ):
        assert await store.write(dev.set_golden, scope, values) == len(values)
    found = await store.read(dev.golden, device)
    assert found == {
        "Device.A": value("A", "all"),
        "Device.B": value("B", "class"),
        "Device.C": value("C", "own", "xsd:int"),
    }
    assert list(found) == sorted(found)
    scopes = await store.read(dev.golden_scopes)
    assert scopes["*"] == 3
    assert scopes["class:HeNB"] == 2
    assert len(scopes) == 5


async def test_setting_a_scope_replaces_what_it_had(store: Store, device: dev.Device) -> None:
    await store.write(dev.set_golden, "*", [value("A", "1"), value("B", "1")])
    await store.write(dev.set_golden, "*", [value("B", "2")])
    assert await store.read(dev.golden, device) == {"Device.B": value("B", "2")}
    assert await store.write(dev.set_golden, "*", []) == 0
    assert await store.read(dev.golden, device) == {}
    assert await store.read(dev.golden_scopes) == {}
