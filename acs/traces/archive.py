"""Traces in the store: whose are wanted, what was kept; bounded per device and in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from acs.errors import AcsError
from acs.store import signal
from acs.store.tables import trace_requests, traces
from acs.traces.message import Message, unpack

__all__ = [
    "MOST_TRACES",
    "Trace",
    "find_trace",
    "keep_trace",
    "list_traces",
    "messages_of",
    "prune_traces",
    "trace_start",
    "trace_stop",
    "wanted_traces",
]

MOST_TRACES = 50
"""Of one device; the oldest go first."""
_LONGEST = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Trace:
    """A stretch of one session of a device, without its content; ``size`` in bytes."""

    id: int
    device_id: int
    session: str
    reason: str
    started_at: float
    ended_at: float
    messages: int
    size: int


_COLUMNS = tuple(traces.c[name] for name in Trace.__dataclass_fields__)


def trace_start(conn: Connection, device_id: int, *, seconds: float, who: str, now: float) -> float:
    """Want every conversation of a device for so long (a week at most); return until when."""
    if not 0 < seconds <= _LONGEST:
        raise AcsError(f"a trace of {seconds:g} s can't be kept; 1 second to 7 days can")
    conn.execute(delete(trace_requests).where(trace_requests.c.device_id == device_id))
    conn.execute(insert(trace_requests).values(device_id=device_id, until=now + seconds, who=who[:100]))
    signal(conn, "traces")
    return now + seconds


def trace_stop(conn: Connection, device_id: int) -> bool:
    """Want no more; return whether any was."""
    signal(conn, "traces")
    query = delete(trace_requests).where(trace_requests.c.device_id == device_id)
    return conn.execute(query).rowcount > 0


def wanted_traces(conn: Connection, *, now: float) -> dict[int, float]:
    """Return until when each device is traced."""
    rows = conn.execute(select(trace_requests).where(trace_requests.c.until > now))
    return {row.device_id: row.until for row in rows}


def keep_trace(
    conn: Connection,
    device_id: int,
    *,
    session: str,
    reason: str,
    started_at: float,
    ended_at: float,
    messages: int,
    content: bytes,
) -> None:
    """Store a trace; of one device no more than ``MOST_TRACES`` are kept."""
    conn.execute(
        insert(traces).values(
            device_id=device_id,
            session=session[:64],
            reason=reason[:200],
            started_at=started_at,
            ended_at=ended_at,
            messages=messages,
            size=len(content),
            content=content,
        )
    )
    mine = select(traces.c.id).where(traces.c.device_id == device_id)
    oldest = conn.execute(mine.order_by(traces.c.id.desc()).offset(MOST_TRACES - 1).limit(1)).scalar()
    if oldest is not None:
        conn.execute(delete(traces).where(traces.c.device_id == device_id, traces.c.id < oldest))


def list_traces(conn: Connection, *, device_id: int | None = None, limit: int = 100) -> list[Trace]:
    """Return traces, the newest first."""
    query = select(*_COLUMNS).order_by(traces.c.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(traces.c.device_id == device_id)
    return [Trace(**row) for row in conn.execute(query).mappings()]


def find_trace(conn: Connection, trace_id: int) -> Trace:
    """Return a trace without its content. Raises ``AcsError`` where there is none."""
    row = conn.execute(select(*_COLUMNS).where(traces.c.id == trace_id)).mappings().first()
    if row is None:
        raise AcsError(f"there is no trace {trace_id}; see: acs trace list")
    return Trace(**row)


def messages_of(conn: Connection, ids: Iterable[int]) -> list[Message]:
    """Return the messages of traces in the order of time. Raises ``AcsError`` for an id that is none."""
    found: list[Message] = []
    for trace_id in ids:
        content = conn.execute(select(traces.c.content).where(traces.c.id == trace_id)).scalar()
        if content is None:
            raise AcsError(f"there is no trace {trace_id}; see: acs trace list")
        found += unpack(content)
    return sorted(found, key=lambda each: each.at)


def prune_traces(conn: Connection, *, before: float, quota: int, limit: int) -> int:
    """Delete up to ``limit`` traces that ended before then, or else the oldest over ``quota`` bytes."""
    conn.execute(delete(trace_requests).where(trace_requests.c.until < before))
    old = list(conn.execute(select(traces.c.id).where(traces.c.ended_at < before).limit(limit)).scalars())
    total = int(conn.execute(select(func.coalesce(func.sum(traces.c.size), 0))).scalar_one())
    if not old and total > quota:
        rows = conn.execute(select(traces.c.id, traces.c.size).order_by(traces.c.id).limit(limit)).all()
        for row in rows:
            if total <= quota:
                break
            total -= row.size
            old.append(row.id)
    if not old:
        return 0
    return conn.execute(delete(traces).where(traces.c.id.in_(old))).rowcount
