"""The catalogue: a second person approves what a trusted signer signed; floors, revocation, hardware."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from acs import devices as dev
from acs import files as fl
from acs.errors import AcsError
from acs.store import Store

FACTS = {"file_type": fl.FIRMWARE, "version": "1", "size": 10, "who": "one", "now": 1.0, "signer": "key"}


def add(conn: Connection, name: str, product_class: str = "*", **other: object) -> fl.CatalogueFile:
    facts = {**FACTS, "sha256": name * 4, "product_class": product_class, **other}
    return fl.add_file(conn, name, **facts)


def approve(conn: Connection, name: str, now: float = 2.0, **other: object) -> fl.CatalogueFile:
    return fl.approve_file(conn, name, **{"who": "another", "now": now, **other})


def henb(conn: Connection, product_class: str = "HeNB") -> dev.Device:
    made = dev.register(conn, "0005B9", f"S-{product_class}", product_class=product_class, now=1.0)
    return replace(made, hardware_version="rev-b")


async def test_a_file_is_entered_once_and_never_replaced(store: Store) -> None:
    made = await store.write(add, "a")
    assert await store.write(add, "a") == made
    for other in ({"sha256": "other"}, {"version": "2"}, {"product_class": "HeNB"}, {"hardware": "x"}):
        with pytest.raises(AcsError, match="another file named 'a'"):
            await store.write(lambda conn, other=other: add(conn, "a", **other))
    assert await store.read(fl.find_file, "a") == made
    assert await store.read(fl.find_file, "b") is None
    assert (made.size, made.approved_at, made.approved_by, made.state) == (10, None, "", "waiting")


async def test_a_signature_can_be_brought_later(store: Store) -> None:
    assert (await store.write(add, "a", signer="")).state == "unsigned"
    with pytest.raises(AcsError, match="no signature of a trusted signer"):
        await store.write(approve, "a")
    assert (await store.write(add, "a", signature=b"s")).signer == "key"
    assert (await store.write(approve, "a")).state == "approved"
    assert await store.read(dev.verify_audit) is None


async def test_files_are_listed_by_name(store: Store) -> None:
    for name in "cab":
        await store.write(add, name)
    assert [each.name for each in await store.read(fl.list_files)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "x" * 49}, "has 49 characters in a URL; 48 are allowed"),
        ({"name": "\u00e9" * 9}, "has 54 characters in a URL"),
        ({"name": "a\nb"}, "can't be the name of a file"),
        ({"name": ""}, "can't be the name of a file"),
        ({"version": " "}, "needs the SoftwareVersion"),
        ({"version": "1" * 65}, "the version has 65 characters"),
        ({"release_notes": "x" * 20_001}, "20000 are allowed"),
    ],
)
async def test_a_file_that_is_described_wrongly_is_refused(store: Store, facts, message) -> None:
    with pytest.raises(AcsError, match=message):
        await store.write(lambda conn: add(conn, **{"name": "a", **facts}))


async def test_the_image_approved_last_is_used_and_that_of_the_class_before_any(store: Store) -> None:
    for n, (name, product_class, kind) in enumerate(
        [
            ("class-old", "HeNB", fl.FIRMWARE),
            ("class-new", "HeNB", fl.FIRMWARE),
            ("other", "Other", fl.FIRMWARE),
            ("configuration", "HeNB", fl.CONFIGURATION),
            ("any", "*", fl.FIRMWARE),
        ]
    ):
        await store.write(add, name, product_class, file_type=kind)
        await store.write(approve, name, 10.0 + n)
    devices = {each: await store.write(henb, each) for each in ("HeNB", "Unheard")}

    async def used(product_class: str) -> str:
        found = await store.read(fl.approved_image, devices[product_class], {})
        assert found is not None
        return found.name

    assert await used("HeNB") == "class-new"
    assert await used("Unheard") == "any"
    await store.write(approve, "class-old", 99.0)
    assert await used("HeNB") == "class-old"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, ""),
        ({"hardware": "rev-b", "oui": "0005b9", "product_class": "HeNB"}, ""),
        ({"hardware": "rev-a"}, "is for hardware rev-a, the device has rev-b"),
        ({"oui": "00256D"}, "is for oui 00256D, the device has 0005B9"),
        ({"product_class": "Other"}, "is for product_class Other, the device has HeNB"),
        ({"file_type": fl.CONFIGURATION, "signer": ""}, ""),
    ],
)
async def test_a_file_is_for_its_hardware(store: Store, facts, reason) -> None:
    device = await store.write(henb)
    await store.write(lambda conn: add(conn, "a", **facts))
    file = await store.write(approve, "a")
    assert reason in fl.why_not(file, device, {})
    assert bool(fl.why_not(file, device, {})) == bool(reason)
