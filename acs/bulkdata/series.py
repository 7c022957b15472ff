"""The time series: reports go in once, values come out by device, parameter and time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from acs import devices as dev
from acs.bulkdata.report import BulkDataError, Report, Sample, Value
from acs.store.tables import bulk_layouts, bulk_reports, bulk_usage

__all__ = [
    "Known",
    "Point",
    "Quota",
    "Stored",
    "known_parameters",
    "points",
    "prune_bulk",
    "store_reports",
    "usage",
]

ROW = 128
"""Bytes that a report counts for beside its values: of the smallest ones the row and its indexes are all."""
_BIG = 200  # bytes from which compressing pays
_PLAIN, _DEFLATED = b"\x00", b"\x01"
_STEP = 0.001  # seconds between reports of one message that told no time


@dataclass(frozen=True, slots=True)
class Quota:
    """What one device may have stored. Beyond it the oldest reports make room for new ones."""

    bytes: int = 16 * 1024 * 1024
    layouts: int = 200
    """Different sets of parameters that it may have introduced."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a message's reports: new ones, those that were there already, those that made room."""

    new: int
    repeated: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one parameter. ``timed`` false: ``at`` is when the report was received."""

    name: str
    at: float
    value: Value
    kind: str
    source: str
    suspect: bool
    timed: bool
    period: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """A parameter of which there are values."""

    name: str
    kind: str
    source: str
    value: Value
    """The newest."""
    at: float


def _pack(value: object) -> bytes:
    packed = msgspec.msgpack.encode(value)
    if len(packed) < _BIG:
        return _PLAIN + packed
    return _DEFLATED + zlib.compress(packed, 6)


def _unpack(stored: bytes) -> Any:
    body = stored[1:]
    return msgspec.msgpack.decode(zlib.decompress(body) if stored[:1] == _DEFLATED else body)


def store_reports(
    conn: Connection,
    device_id: int,
    source: str,
    reports: Sequence[Report],
    *,
    quota: Quota,
    now: float,
) -> Stored:
    """Store each report once: one that came before, told by device, source, time and parameters, is left.

    A report without a time is taken as collected now. Raises ``BulkDataError`` (429) when the device sent
    too many different sets of parameters.
    """
    dev.lock(conn, device_id)
    new = size = 0
    for number, report in enumerate(reports):
        ordered = sorted(report.samples, key=lambda sample: sample.name)
        layout = _layout(conn, device_id, ordered, quota, now=now)
        timed = report.collected_at is not None
        at = (
            report.collected_at
            if report.collected_at is not None
            else now - _STEP * (len(reports) - 1 - number)
        )
        name = f"{source}{report.source}"
        there = select(bulk_reports.c.id).where(
            bulk_reports.c.device_id == device_id,
            bulk_reports.c.source == name,
            bulk_reports.c.collected_at == at,
            bulk_reports.c.layout_id == layout,
        )
        if conn.execute(there).first() is not None:
            continue
        suspects = [position for position, sample in enumerate(ordered) if sample.suspect]
        body = _pack([[sample.value for sample in ordered], suspects])
        counted = ROW + len(name) + len(body)
        conn.execute(
            insert(bulk_reports).values(
                device_id=device_id,
                source=name,
                collected_at=at,
                layout_id=layout,
                received_at=now,
                timed=timed,
                period=report.period,
                size=counted,
                body=body,
            )
        )
        new, size = new + 1, size + counted
    dropped = _account(conn, device_id, new, size, quota, now=now) if new else 0
    return Stored(new, len(reports) - new, dropped)


def _layout(conn: Connection, device_id: int, samples: Sequence[Sample], quota: Quota, *, now: float) -> int:
    """Return the id of the layout that has exactly these parameters."""
    names = [[sample.name for sample in samples], [sample.kind for sample in samples]]
    digest = hashlib.sha256(msgspec.msgpack.encode(names)).digest()
    by_digest = select(bulk_layouts.c.id).where(bulk_layouts.c.digest == digest)
    found = conn.execute(by_digest).scalar()
    if found is not None:
        return int(found)
    count = select(func.count()).where(bulk_layouts.c.introduced_by == device_id)
    if conn.execute(count).scalar_one() >= quota.layouts:
        raise BulkDataError(
            f"this device has sent {quota.layouts} different sets of parameters; send the same each time",
            status=429,
        )
    values = {"digest": digest, "names": _pack(names), "introduced_by": device_id, "created_at": now}
    if conn.dialect.name == "postgresql":  # another node may have just made it
        from sqlalchemy.dialects.postgresql import insert as upsert

        conn.execute(upsert(bulk_layouts).values(values).on_conflict_do_nothing())
    else:
        conn.execute(insert(bulk_layouts).values(values))
    return int(conn.execute(by_digest).scalar_one())


def _account(conn: Connection, device_id: int, new: int, size: int, quota: Quota, *, now: float) -> int:
    """Add to what the device has stored; drop its oldest reports beyond the quota and return how many."""
    # Old reports are deleted meanwhile, by one who does not hold the device.
    usage_of = select(bulk_usage).where(bulk_usage.c.device_id == device_id).with_for_update()
    row = conn.execute(usage_of).first()
    reports, total = (row.reports + new, row.bytes + size) if row else (new, size)
    dropped = 0
    if total > quota.bytes:
        oldest = (
            select(bulk_reports.c.id, bulk_reports.c.size)
            .where(bulk_reports.c.device_id == device_id)
            .order_by(bulk_reports.c.collected_at)
        )
        going = []
        for found in conn.execute(oldest):
            if total <= quota.bytes - quota.bytes // 20:  # some room, so that not each report drops one
                break
            going.append(found.id)
            total -= found.size
        for start in range(0, len(going), 500):
            conn.execute(delete(bulk_reports).where(bulk_reports.c.id.in_(going[start : start + 500])))
        dropped, reports = len(going), reports - len(going)
    values = {"reports": reports, "bytes": total, "last_report_at": now}
    if row is None:
        conn.execute(insert(bulk_usage).values(device_id=device_id, **values))
    else:
        conn.execute(update(bulk_usage).where(bulk_usage.c.device_id == device_id).values(values))
    return dropped


def usage(conn: Connection, device_id: int) -> tuple[int, int, float | None]:
    """Return how many reports of a device are stored, their bytes, and when the last one came."""
    row = conn.execute(select(bulk_usage).where(bulk_usage.c.device_id == device_id)).first()
    return (row.reports, row.bytes, row.last_report_at) if row else (0, 0, None)


def _reports_of(device_id: int) -> Select[Any]:
    return (
        select(bulk_reports)
        .where(bulk_reports.c.device_id == device_id)
        .order_by(bulk_reports.c.collected_at.desc(), bulk_reports.c.id.desc())
    )


def _layouts_of(
    conn: Connection, device_id: int, wanted: str
) -> dict[int, tuple[list[str], list[str], list[int]]]:
    """Return the layouts of a device's reports that have wanted parameters: names, types, positions."""
    used = select(bulk_reports.c.layout_id).where(bulk_reports.c.device_id == device_id).distinct()
    query = select(bulk_layouts.c.id, bulk_layouts.c.names).where(bulk_layouts.c.id.in_(used))
    found = {}
    for row in conn.execute(query):
        names, kinds = _unpack(row.names)
        positions = [position for position, name in enumerate(names) if _matches(name, wanted)]
        if positions:
            found[int(row.id)] = (names, kinds, positions)
    return found


def _matches(name: str, wanted: str) -> bool:
    """Tell whether a name is the wanted one, or below a path: that ends with a dot, or with ``/``."""
    return not wanted or name == wanted or (wanted.endswith((".", "/")) and name.startswith(wanted))


def points(
    conn: Connection,
    device_id: int,
    wanted: str,
    *,
    last: int,
    source: str | None = None,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[Point]:
    """Yield the values of a parameter, or of all below a path that ends with a dot, newest report first.

    ``last``: of so many reports at most.
    """
    layouts = _layouts_of(conn, device_id, wanted)
    if not layouts:
        return
    query = _reports_of(device_id).where(bulk_reports.c.layout_id.in_(layouts)).limit(last)
    if source is not None:
        query = query.where(bulk_reports.c.source == source)
    if since is not None:
        query = query.where(bulk_reports.c.collected_at >= since)
    if until is not None:
        query = query.where(bulk_reports.c.collected_at < until)
    for row in conn.execute(query):
        yield from _points(row, *layouts[row.layout_id])


def _points(row: Row[Any], names: list[str], kinds: list[str], positions: Iterable[int]) -> Iterator[Point]:
    values, suspects = _unpack(row.body)
    doubted = set(suspects)
    for position in positions:
        yield Point(
            names[position],
            row.collected_at,
            values[position],
            kinds[position],
            row.source,
            position in doubted,
            row.timed,
            row.period,
        )


def known_parameters(conn: Connection, device_id: int, wanted: str = "") -> list[Known]:
    """Return the parameters of which there are values, with the newest one, by source and name."""
    found: dict[tuple[str, str], Known] = {}
    for layout, (names, kinds, positions) in _layouts_of(conn, device_id, wanted).items():
        of_layout = bulk_reports.c.layout_id == layout
        sources = (
            select(bulk_reports.c.source).where(bulk_reports.c.device_id == device_id, of_layout).distinct()
        )
        for source in list(conn.execute(sources).scalars()):
            newest = _reports_of(device_id).where(of_layout, bulk_reports.c.source == source).limit(1)
            row = conn.execute(newest).first()
            for point in _points(row, names, kinds, positions) if row is not None else ():
                key = (source, point.name)
                if key not in found or found[key].at < point.at:
                    found[key] = Known(point.name, point.kind, source, point.value, point.at)
    return [found[key] for key in sorted(found)]


def prune_bulk(conn: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` reports received before then, and layouts of no report; return how many."""
    old = (
        select(bulk_reports.c.id, bulk_reports.c.device_id, bulk_reports.c.size)
        .where(bulk_reports.c.received_at < before)
        .order_by(bulk_reports.c.device_id)
        .limit(limit)
    )
    gone: dict[int, tuple[int, int]] = {}
    ids = []
    for row in conn.execute(old):
        count, size = gone.get(row.device_id, (0, 0))
        gone[row.device_id] = (count + 1, size + row.size)
        ids.append(row.id)
    if ids:
        conn.execute(delete(bulk_reports).where(bulk_reports.c.id.in_(ids)))
    for device_id, (count, size) in gone.items():
        less = {"reports": bulk_usage.c.reports - count, "bytes": bulk_usage.c.bytes - size}
        conn.execute(update(bulk_usage).where(bulk_usage.c.device_id == device_id).values(less))
    used = select(bulk_reports.c.id).where(bulk_reports.c.layout_id == bulk_layouts.c.id).exists()
    unused = select(bulk_layouts.c.id).where(~used).limit(limit)
    layouts = conn.execute(delete(bulk_layouts).where(bulk_layouts.c.id.in_(unused))).rowcount
    return len(ids) + layouts
