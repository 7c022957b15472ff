"""The golden configuration by scope, and the catalogue of files."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
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


def add(conn: Connection, name: str, product_class: str = "*", **other: object) -> dev.CatalogueFile:
    facts = {"file_type": dev.FIRMWARE, "version": "1", "sha256": name * 4, "size": 10, "now": 1.0, **other}
    return dev.add_file(conn, name, product_class=product_class, **facts)


async def test_a_file_is_entered_once_and_never_replaced(store: Store) -> None:
    made = await store.write(add, "a")
    assert await store.write(add, "a") == made
    with pytest.raises(AcsError, match="another file named 'a'"):
        await store.write(add, "a", sha256="other")
    assert await store.read(dev.find_file, "a") == made
    assert await store.read(dev.find_file, "b") is None
    assert (made.size, made.approved_at, made.approved_by) == (10, None, "")


async def test_files_are_listed_by_name(store: Store) -> None:
    for name in "cab":
        await store.write(add, name)
    assert [each.name for each in await store.read(dev.list_files)] == ["a", "b", "c"]


async def test_only_an_approved_image_is_used(store: Store) -> None:
    await store.write(add, "a")
    assert await store.read(dev.approved_image, "HeNB") is None
    approved = await store.write(dev.approve_file, "a", who="operator", now=2.0)
    assert (approved.approved_by, approved.approved_at) == ("operator", 2.0)
    assert await store.read(dev.approved_image, "HeNB") == approved
    with pytest.raises(AcsError, match="no file named 'x'"):
        await store.write(dev.approve_file, "x", who="operator", now=2.0)
    assert await store.read(dev.verify_audit) is None


async def test_the_image_approved_last_is_used_and_that_of_the_class_before_any(store: Store) -> None:
    for n, (name, product_class, kind) in enumerate(
        [
            ("class-old", "HeNB", dev.FIRMWARE),
            ("class-new", "HeNB", dev.FIRMWARE),
            ("other", "Other", dev.FIRMWARE),
            ("configuration", "HeNB", "3 Vendor Configuration File"),
            ("any", "*", dev.FIRMWARE),
        ]
    ):
        await store.write(add, name, product_class, file_type=kind)
        await store.write(dev.approve_file, name, who="operator", now=10.0 + n)

    async def used(product_class: str) -> str:
        found = await store.read(dev.approved_image, product_class)
        assert found is not None
        return found.name

    assert await used("HeNB") == "class-new"
    assert await used("Unheard") == "any"
    await store.write(dev.approve_file, "class-old", who="operator", now=99.0)
    assert await used("HeNB") == "class-old"
