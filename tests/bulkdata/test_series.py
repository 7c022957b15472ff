"""The time series in the store: once each, compact, bounded, forgotten in time."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import Connection, func, select

from acs import bulkdata as bd
from acs import devices as dev
from acs.bulkdata.series import ROW
from acs.housekeeping import Housekeeper
from acs.store import RefusedError, Store
from acs.store.tables import bulk_layouts, bulk_reports, bulk_usage
from tests.conftest import Clock

NOW = 1_800_000_000.0
QUOTA = bd.Quota()


def report(
    at: float | None, *, source: str = "", period: float | None = None, **values: bd.Value
) -> bd.Report:
    samples = tuple(bd.Sample(f"Device.{name}", value, "int") for name, value in values.items())
    return bd.Report(at, samples, period, source)


@pytest.fixture
async def device(store: Store) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A1", now=1.0)


async def keep(
    store: Store, device: dev.Device, *reports: bd.Report, source: str = "p", **options
) -> bd.Stored:
    facts = {"quota": QUOTA, "now": NOW, **options}
    return await store.write(bd.store_reports, device.id, source, reports, **facts)


async def series(store: Store, device: dev.Device, name: str, last: int = 100, **options) -> list[bd.Point]:
    return await store.read(lambda conn: list(bd.points(conn, device.id, name, last=last, **options)))


async def test_values_come_back_by_parameter_and_time(store: Store, device: dev.Device) -> None:
    mixed = (1, 2**64 - 1, -(2**63), 1.5, True, "text", None, "x" * 5000)
    for number, value in enumerate(mixed):
        await keep(store, device, report(NOW + number, A=value, B=number))
    found = await series(store, device, "Device.A")
    assert [point.value for point in found] == list(reversed(mixed))
    assert [type(point.value) for point in found] == [type(value) for value in reversed(mixed)]
    assert found[0].at == NOW + 7
    assert found[0].kind == "int"
    window = await series(store, device, "Device.A", since=NOW + 2, until=NOW + 4)
    assert [point.at for point in window] == [NOW + 3, NOW + 2]
    both = await series(store, device, "Device.", last=1)
    assert [point.name for point in both] == ["Device.A", "Device.B"]
    assert await series(store, device, "Device") == []
    assert await series(store, device, "Device.A", source="other") == []


async def test_a_report_that_is_sent_again_is_stored_once(store: Store, device: dev.Device) -> None:
    one, two = report(NOW, A=1), report(NOW + 300, A=2)
    assert await keep(store, device, one) == bd.Stored(1, 0, 0)
    # Its acknowledgement was lost: it comes again, with the next one after it.
    assert await keep(store, device, one, two) == bd.Stored(1, 1, 0)
    assert await keep(store, device, one, two, two) == bd.Stored(0, 3, 0)
    # Another profile, or other parameters, at the same moment are another report.
    assert await keep(store, device, one, source="q") == bd.Stored(1, 0, 0)
    assert await keep(store, device, report(NOW, B=1)) == bd.Stored(1, 0, 0)
    reports, _, last = await store.read(bd.usage, device.id)
    assert (reports, last) == (4, NOW)


async def test_reports_of_periods_that_end_together_are_not_one(store: Store, device: dev.Device) -> None:
    quarter, hour = report(NOW, A=1, period=900.0), report(NOW, A=4, period=3600.0)
    assert await keep(store, device, quarter, hour) == bd.Stored(2, 0, 0)
    assert await keep(store, device, hour, quarter) == bd.Stored(0, 2, 0)
    assert await keep(store, device, report(NOW, A=9)) == bd.Stored(1, 0, 0)
    found = await series(store, device, "Device.A")
    assert {(each.period, each.value) for each in found} == {(900.0, 1), (3600.0, 4), (None, 9)}


async def test_who_sends_too_many_sets_of_names_makes_no_other_wait(store: Store, device: dev.Device) -> None:
    """Others share its transaction: refused before anything is written, it is not done again for them."""
    assert issubclass(bd.TooManyLayouts, RefusedError)
    quota = bd.Quota(layouts=2)
    reports = [bd.Report(NOW, (bd.Sample(f"N{number}", 1),)) for number in range(3)]
    with pytest.raises(bd.TooManyLayouts):
        await keep(store, device, *reports, quota=quota)
    assert await store.read(bd.usage, device.id) == (0, 0, None)
    assert await keep(store, device, *reports[:2], quota=quota) == bd.Stored(2, 0, 0)


async def test_reports_without_a_time_are_taken_as_of_now(store: Store, device: dev.Device) -> None:
    await keep(store, device, report(None, A=1), report(None, A=2))
    found = await series(store, device, "Device.A")
    assert [(point.value, point.timed) for point in found] == [(2, False), (1, False)]
    assert found[0].at == NOW
    assert found[1].at < NOW


async def test_names_are_stored_once_for_all_devices(store: Store, device: dev.Device) -> None:
    other = await store.write(dev.register, "0005B9", "A2", now=1.0)
    for owner in (device, other):
        for number in range(5):
            await keep(store, owner, report(NOW + number, B=number, A=0))
    await keep(store, other, report(NOW + 9, A=0, B=1))  # the order makes no other layout

    def sizes(conn: Connection) -> tuple[int, int]:
        layouts = conn.execute(select(func.count()).select_from(bulk_layouts)).scalar_one()
        return layouts, conn.execute(select(func.max(bulk_reports.c.size))).scalar_one()

    layouts, largest = await store.read(sizes)
    assert layouts == 1
    assert largest < 12 + ROW


async def test_a_device_has_a_quota_and_the_oldest_make_room(store: Store, device: dev.Device) -> None:
    quota = bd.Quota(bytes=2500)
    for number in range(60):
        value = f"{number:0100}"  # each report is a little larger than that
        await keep(store, device, report(NOW + number, A=value), quota=quota)
    found = await series(store, device, "Device.A")
    assert 5 < len(found) < 20
    assert found[0].at == NOW + 59
    assert [point.at for point in found] == [NOW + 59 - back for back in range(len(found))]
    reports, size, _ = await store.read(bd.usage, device.id)
    assert reports == len(found)
    assert size <= 2500


async def test_the_smallest_reports_count_for_the_rows_they_fill(store: Store, device: dev.Device) -> None:
    quota = bd.Quota(bytes=10_000)
    await keep(store, device, *(report(NOW + number, A=0) for number in range(500)), quota=quota)
    reports, size, _ = await store.read(bd.usage, device.id)
    assert reports <= 100
    assert size <= 10_000
    pruned = await store.write(bd.prune_bulk, before=NOW + 10_000, limit=10_000)
    assert pruned >= reports
    assert (await store.read(bd.usage, device.id))[:2] == (0, 0)


async def test_a_device_that_sends_other_names_each_time_is_stopped(store: Store, device: dev.Device) -> None:
    quota = bd.Quota(layouts=3)
    for number in range(3):
        await keep(store, device, report(NOW, **{f"X{number}": 1}), quota=quota)
    with pytest.raises(bd.BulkDataError, match="3 different sets") as error:
        await keep(store, device, report(NOW, A=1), report(NOW, X9=1), quota=quota)
    assert error.value.status == 429
    assert await series(store, device, "Device.A") == []  # nothing of the message is half stored
    assert (await keep(store, device, report(NOW + 1, X0=1), quota=quota)).new == 1


async def test_names_have_a_quota_too(store: Store, device: dev.Device) -> None:
    """Few reports with ever other names would else fill the disk beside the quota of reports."""
    quota = bd.Quota(bytes=2000)
    await keep(store, device, report(NOW, A=1), quota=quota)
    odd = {hashlib.sha256(bytes([number])).hexdigest(): 1 for number in range(60)}
    with pytest.raises(bd.BulkDataError, match="more than 2000 bytes") as error:
        await keep(store, device, report(NOW + 1, **odd), quota=quota)
    assert error.value.status == 429
    assert (await keep(store, device, report(NOW + 2, A=2), quota=quota)).new == 1


async def test_known_parameters_with_their_newest_value(store: Store, device: dev.Device) -> None:
    await keep(store, device, report(NOW, A=1, B=1))
    await keep(store, device, report(NOW + 2, A=3))
    await keep(store, device, report(NOW + 1, A=2), source="pm:")
    known = await store.read(bd.known_parameters, device.id)
    assert [(each.source, each.name, each.value) for each in known] == [
        ("p", "Device.A", 3),
        ("p", "Device.B", 1),
        ("pm:", "Device.A", 2),
    ]
    assert [each.name for each in await store.read(bd.known_parameters, device.id, "Device.B")] == [
        "Device.B"
    ]


async def test_what_is_old_is_forgotten_with_its_layouts(
    store: Store, device: dev.Device, clock: Clock
) -> None:
    for number in range(3):
        await keep(store, device, report(NOW + number, A=number), now=NOW)
    await keep(store, device, report(NOW + 5, B=1), now=NOW + 5000)
    clock.now = NOW + 6000
    await Housekeeper(store, 1e9, 3000).tidy()
    assert await series(store, device, "Device.A") == []
    assert len(await series(store, device, "Device.B")) == 1

    def left(conn: Connection) -> list[int]:
        tables = (bulk_layouts, bulk_reports)
        counts = [conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
        return [*counts, conn.execute(select(bulk_usage.c.reports)).scalar_one()]

    assert await store.read(left) == [1, 1, 1]
