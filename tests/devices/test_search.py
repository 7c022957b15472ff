"""Finding devices among many: each thing that can be asked for finds its devices and no others."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, update

from acs import alarms as al
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.store import Store
from acs.store.tables import devices as table
from tests.conftest import Clock

NOW = 1_000_000.0
FLEET: dict[str, dict[str, Any]] = {
    "A1": {
        "product_class": "HeNB-LTE",
        "software_version": "2.1.0",
        "last_inform_at": NOW - 60,
        "certificate_name": "a1.0005b9.henb.example",
        "certificate_not_after": NOW + 86400,
        "channel": "distress",
    },
    "A2": {
        "product_class": "HeNB-NR",
        "software_version": "2.1.12",
        "last_inform_at": NOW - 7200,
        "connection_request_url": "http://10.7.8.9:7547/x",
        "connection_request_error": "refused",
    },
    "A3": {"product_class": "henb_lte", "software_version": "1.0%", "admission": "blocked"},
    "B-4": {"product_class": "", "software_version": "", "admission": "expected", "reboot_needed_at": NOW},
}


@pytest.fixture
async def fleet(store: Store, clock: Clock) -> Store:
    def fill(conn: Connection) -> None:
        for number, (serial, facts) in enumerate(FLEET.items()):
            oui = "0005B9" if number < 3 else "00AAFF"
            device = dev.register(conn, oui, serial, now=1.0)
            conn.execute(update(table).where(table.c.id == device.id).values(**facts))
            if serial == "A1":
                dev.add_group(conn, device.id, "pilot-1")
                dev.add_group(conn, device.id, "night")
                dev.set_site(conn, device.id, "London/Aldgate")
            if serial == "A2":
                dev.add_group(conn, device.id, "pilot-2")
                al.raise_alarm(
                    conn,
                    dev.get(conn, device.id),
                    identifier="x",
                    event_type="INTEGRITY_VIOLATION",
                    probable_cause="SOFTWARE_ERROR",
                    perceived_severity="MAJOR",
                    specific_problem="",
                    additional_text="",
                    detector="HeMS:test",
                    now=NOW,
                )

    await store.write(fill)
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "A1 A2 A3 B-4"),
        ({"admission": ("blocked", "expected")}, "A3 B-4"),
        ({"oui": "00aaff"}, "B-4"),
        ({"oui": "0005*"}, "A1 A2 A3"),
        ({"product_class": "HeNB-LTE"}, "A1"),
        ({"product_class": "henb-*"}, "A1 A2"),
        ({"product_class": "henb_*"}, "A3"),  # an underscore is an underscore
        ({"software_version": "2.1.*"}, "A1 A2"),
        ({"software_version": "2.1.1*"}, "A2"),
        ({"software_version": "1.0%"}, "A3"),
        ({"software_version": "%*"}, ""),
        ({"not_software_version": "2.1.*"}, "A3 B-4"),
        ({"not_software_version": "2.1.0"}, "A2 A3 B-4"),
        ({"group": "pilot-*"}, "A1 A2"),
        ({"group": "pilot-1"}, "A1"),
        ({"group": "pilot"}, ""),
        ({"site": "london/*"}, "A1"),
        ({"group": "pilot-1", "site": "Paris"}, ""),
        ({"containing": "ALDGATE"}, "A1"),
        ({"containing": "10.7.8.9"}, "A2"),
        ({"containing": "a1.0005b9.henb"}, "A1"),
        ({"containing": "b-4"}, "B-4"),  # as it is told, not as it is in the key
        ({"containing": "%"}, "A3 B-4"),  # no wildcard: it is in one's version, and in the other's key
        ({"containing": "\\"}, ""),
        ({"silent_since": NOW - 3600}, "A2"),
        ({"seen_since": NOW - 3600}, "A1"),
        ({"certificate_ends_before": NOW + 90000}, "A1"),
        ({"certificate_ends_before": NOW}, ""),
        ({"having": ("alarm",)}, "A2"),
        ({"having": ("untreated-alarm", "unreachable")}, "A2"),
        ({"having": ("alarm", "distress")}, ""),
        ({"lacking": ("alarm",)}, "A1 A3 B-4"),
        ({"having": ("distress",)}, "A1"),
        ({"having": ("reboot-needed",)}, "B-4"),
        ({"having": ("certificate",)}, "A1"),
        ({"having": ("contact",)}, "A1 A2"),
        ({"lacking": ("contact", "password", "case", "command")}, "A3 B-4"),
    ],
)
async def test_what_is_asked_for_is_found(fleet: Store, asked: dict[str, Any], found: str) -> None:
    wanted = dev.DeviceFilter(**asked)
    got = await fleet.read(dev.listing, wanted)
    assert [each.serial_number for each in got] == found.split()
    assert await fleet.read(dev.count, wanted) == len(got)


async def test_an_open_command_is_found(fleet: Store) -> None:
    from acs import commands as cm

    device = await fleet.read(dev.find, "0005B9-A3")
    await fleet.write(cm.enqueue, device.id, m.Reboot("k"), command_key="k", purpose="t", now=NOW)
    got = await fleet.read(dev.listing, dev.DeviceFilter(having=("command",)))
    assert [each.serial_number for each in got] == ["A3"]


async def test_pages_of_what_is_asked_for_follow_each_other(fleet: Store) -> None:
    wanted = dev.DeviceFilter(lacking=("case",))
    first = await fleet.read(dev.listing, wanted, limit=3)
    rest = await fleet.read(dev.listing, wanted, limit=3, after=first[-1].device_key)
    assert [each.serial_number for each in (*first, *rest)] == ["A1", "A2", "A3", "B-4"]


@pytest.mark.parametrize(
    ("what", "counted"),
    [
        ("admission", [("allowed", 2), ("blocked", 1), ("expected", 1)]),
        ("oui", [("0005B9", 3), ("00AAFF", 1)]),
        ("group", [("", 2), ("night", 1), ("pilot-1", 1), ("pilot-2", 1)]),
        ("site", [("", 3), ("London/Aldgate", 1)]),
    ],
)
async def test_devices_are_counted_by(fleet: Store, what: str, counted: list[tuple[str, int]]) -> None:
    assert await fleet.read(dev.count_by, what) == counted


async def test_those_that_fit_are_counted(fleet: Store) -> None:
    wanted = dev.DeviceFilter(software_version="2.*")
    assert await fleet.read(dev.count_by, "software_version", wanted) == [("2.1.0", 1), ("2.1.12", 1)]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"admission": ("block",)}, "no state of admission; there are allowed"),
        ({"having": ("x",)}, "no condition"),
    ],
)
async def test_what_there_is_none_of_is_told(fleet: Store, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(AcsError, match=words):
        await fleet.read(dev.listing, dev.DeviceFilter(**asked))
