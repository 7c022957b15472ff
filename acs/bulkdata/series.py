"""The time series: reports go in once, values come out by device, parameter and time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from acs import devices as dev
from acs.bulkdata.report import BulkDataError, Report, Value
from acs.store import RefusedError
from acs.store.tables import bulk_layouts, bulk_reports, bulk_usage

__all__ = [
    "Known",
    "Packed",
    "Point",
    "Quota",
    "Stored",
    "TooManyLayouts",
    "known_parameters",
    "pack_reports",
    "points",
    "prune_bulk",
    "store_packed",
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
    """What one device may have stored. Beyond it the oldest reports make room for new ones.

    ``bytes``: of reports, and as much again of the names of parameters that it introduced.
    """

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


class TooManyLayouts(BulkDataError, RefusedError):  # noqa: N818 - as the exceptions that it is
    """Raised before anything is written: it costs those who share the transaction nothing."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A report as it is stored. ``digest``: SHA-256 of the names and types; ``size``: what it counts for."""

    source: str
    collected_at: float | None
    period: float
    digest: bytes
    names: bytes
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that it counts for in the quota of its device."""
        return ROW + len(self.source) + len(self.body)


def pack_reports(source: str, reports: Sequence[Report]) -> list[Packed]:
    """Return reports as they are stored. It is work, and needs no database: done aside, no writer waits."""
    made: list[Packed] = []
    known: dict[bytes, tuple[bytes, bytes]] = {}
    for report in reports:
        ordered = sorted(report.samples, key=lambda sample: sample.name)
        columns = [[sample.name for sample in ordered], [sample.kind for sample in ordered]]
        plain = msgspec.msgpack.encode(columns)
        if plain not in known:
            known[plain] = (hashlib.sha256(plain).digest(), _pack(columns))
        suspects = [position for position, sample in enumerate(ordered) if sample.suspect]
        body = _pack([[sample.value for sample in ordered], suspects])
        name = f"{source}{report.source}"
        made.append(Packed(name, report.collected_at, report.period or 0.0, *known[plain], body))
    return made


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
    """Pack reports and store them; see ``store_packed``."""
    return store_packed(conn, device_id, pack_reports(source, reports), quota=quota, now=now)


def store_packed(
    conn: Connection, device_id: int, reports: Sequence[Packed], *, quota: Quota, now: float
) -> Stored:
    """Store each report once: one that came before is left.

    That is told by device, source, time, period and parameters. A report without a time is taken as collected
    now. Raises ``BulkDataError`` (429), before anything is written, when the device sent too many different
    sets of parameters, or too long ones.
    """
    dev.lock(conn, device_id)
    layouts = _layouts(conn, device_id, reports, quota, now=now)
    rows: dict[tuple[str, float, int, float], dict[str, Any]] = {}
    for number, report in enumerate(reports):
        timed = report.collected_at is not None
        at = now - _STEP * (len(reports) - 1 - number) if report.collected_at is None else report.collected_at
        key = (report.source, at, layouts[report.digest], report.period)
        facts = {"device_id": device_id, **dict(zip(_KEY, key, strict=True)), "received_at": now}
        rows.setdefault(key, {**facts, "timed": timed, "size": report.size, "body": report.body})
    for key in _there(conn, device_id, {at for _, at, _, _ in rows}):
        rows.pop(key, None)
    if not rows:
        return Stored(0, len(reports), 0)
    conn.execute(insert(bulk_reports), list(rows.values()))
    size = sum(row["size"] for row in rows.values())
    dropped = _account(conn, device_id, len(rows), size, quota, now=now)
    return Stored(len(rows), len(reports) - len(rows), dropped)


_KEY = ("source", "collected_at", "layout_id", "period")


def _there(conn: Connection, device_id: int, times: Collection[float]) -> Iterator[Any]:
    """Yield the keys of the reports of these times that are stored."""
    query = select(*(bulk_reports.c[name] for name in _KEY)).where(bulk_reports.c.device_id == device_id)
    ordered = sorted(times)
    for start in range(0, len(ordered), 500):
        some = ordered[start : start + 500]
        yield from map(tuple, conn.execute(query.where(bulk_reports.c.collected_at.in_(some))))


def _layouts(
    conn: Connection, device_id: int, reports: Sequence[Packed], quota: Quota, *, now: float
) -> dict[bytes, int]:
    """Return the ids of the layouts with exactly the parameters of each report, by their digests."""
    names = {report.digest: report.names for report in reports}
    query = select(bulk_layouts.c.digest, bulk_layouts.c.id).where(bulk_layouts.c.digest.in_(names))
    found: dict[bytes, int] = {bytes(row.digest): row.id for row in conn.execute(query)}
    new = sorted(digest for digest in names if digest not in found)  # in one order: no two nodes in deadlock
    if not new:
        return found
    count = select(func.count()).where(bulk_layouts.c.introduced_by == device_id)
    if conn.execute(count).scalar_one() + len(new) > quota.layouts:
        raise TooManyLayouts(
            f"this device has sent {quota.layouts} different sets of parameters; send the same each time",
            status=429,
        )
    stored = select(func.sum(func.length(bulk_layouts.c.names))).where(
        bulk_layouts.c.introduced_by == device_id
    )
    if (conn.execute(stored).scalar() or 0) + sum(len(names[digest]) for digest in new) > quota.bytes:
        raise TooManyLayouts(
            f"the names in this device's reports have more than {quota.bytes} bytes; send the same each time",
            status=429,
        )
    made = {"introduced_by": device_id, "created_at": now}
    rows = [{"digest": digest, "names": names[digest], **made} for digest in new]
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(dialect.insert(bulk_layouts).on_conflict_do_nothing(), rows)  # another node may have just
    return {bytes(row.digest): row.id for row in conn.execute(query)}


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
    last: int | None,
    source: str | None = None,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[Point]:
    """Yield the values of a parameter, or of all below a path that ends with a dot, newest report first.

    ``last``: of so many reports at most; None: of all.
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
            row.period or None,
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
