"""Which devices have to be called because something waits for them (TR-069 3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Float, and_, bindparam, case, exists, or_, select, update

from acs.devices.turned_away import TURNED_AWAY
from acs.store.tables import command_is_open, commands, devices

__all__ = [
    "ConnectionRequestTarget",
    "call_now",
    "connection_request_failed",
    "connection_request_sent",
    "due_connection_requests",
    "note_udp_binding",
    "session_over",
]

# What waits for a session. An accepted Reboot or Download goes on without one.
_WAITING = exists(
    select(commands.c.id).where(
        commands.c.device_id == devices.c.id, command_is_open, commands.c.state != "accepted"
    )
)
# One that the ACS had no room for is called without that something waits, and not for ever.
_LATE = and_(TURNED_AWAY, devices.c.connection_request_attempts < 3)
_SESSION_OVER = (
    update(devices)
    .where(devices.c.id == bindparam("device"))
    .values(connection_request_at=case((_WAITING, bindparam("later", type_=Float)), else_=None))
)
# Seconds to the next try after the n-th failure: quick at first, then with patience.
BACK_OFF = (5.0, 15.0, 45.0, 60.0, 120.0, 300.0)
AFTER_SESSION = 60.0  # seconds from the end of a session to a call for what it had to leave
MAX_WAIT = 600.0  # seconds that a device's Retry-After may put its next call off


@dataclass(frozen=True, slots=True)
class ConnectionRequestTarget:
    """A device to be called, and with which credentials."""

    device_id: int
    device_key: str
    url: str
    username: str
    secret_sealed: bytes | None
    attempts: int
    udp_address: str = ""
    binding: str = ""
    jabber_id: str = ""
    nat_detected: bool = False
    certificate_name: str | None = None
    due_at: float | None = None


def due_connection_requests(conn: Connection, *, now: float, limit: int) -> list[ConnectionRequestTarget]:
    """Return the devices whose call is due, those that were called least first, then the longest waiting."""
    query = (
        select(
            devices.c.id,
            devices.c.device_key,
            devices.c.connection_request_url,
            devices.c.connection_request_username,
            devices.c.connection_request_secret_sealed,
            devices.c.connection_request_attempts,
            devices.c.udp_connection_request_address,
            devices.c.udp_binding,
            devices.c.jabber_id,
            devices.c.nat_detected,
            devices.c.certificate_name,
            devices.c.connection_request_at,
        )
        .where(devices.c.connection_request_at <= now, devices.c.admission == "allowed", or_(_WAITING, _LATE))
        .order_by(devices.c.connection_request_attempts, devices.c.connection_request_at)
        .limit(limit)
    )
    return [ConnectionRequestTarget(*row) for row in conn.execute(query)]


def connection_request_sent(
    conn: Connection,
    device_id: int,
    *,
    now: float,
    result: str = "accepted",
    patience: float = 30.0,
    due_at: float | None = None,
) -> None:
    """Note that the device was called: it has ``patience`` seconds to come (TR-069 3.2.2.3).

    ``due_at`` is when the call was due. Where another is due now, the device was here meanwhile, and what
    came of this call says nothing about the other.
    """
    _reschedule(conn, device_id, "", result, now + patience, due_at=due_at, now=now)


def connection_request_failed(
    conn: Connection,
    device_id: int,
    error: str,
    *,
    now: float,
    result: str = "failed",
    lasting: bool = False,
    wait: float = 0.0,
    jitter: float = 0.0,
    due_at: float | None = None,
) -> None:
    """Note that the call failed because of ``error``; the next is due after a while.

    ``result`` is the way and the reason, as the operator and the metrics have them. ``lasting``: another try
    soon can't end otherwise. ``wait``: seconds the device asked for, of which ``MAX_WAIT`` are granted.
    ``jitter`` (0 to 1) adds up to half of the pause, so that what failed together is not tried together.
    ``due_at`` as above.
    """
    attempts = conn.execute(
        select(devices.c.connection_request_attempts).where(devices.c.id == device_id)
    ).scalar_one()
    pause = BACK_OFF[-1] if lasting else BACK_OFF[min(attempts, len(BACK_OFF) - 1)]
    pause = max(pause, min(wait, MAX_WAIT)) * (1 + jitter / 2)
    _reschedule(conn, device_id, error, result, now + pause, due_at=due_at, now=now)


def note_udp_binding(conn: Connection, key: str, binding: str, *, now: float) -> bool:
    """Keep where a device's UDP socket is seen from (TR-069 G.2.1.1); tell whether that is news.

    Nothing is kept of a blocked device.
    """
    changed = conn.execute(
        update(devices)
        .where(
            devices.c.device_key == key,
            devices.c.udp_binding != binding,
            devices.c.admission == "allowed",
        )
        .values(udp_binding=binding[:64], udp_binding_at=now)
    )
    return changed.rowcount > 0


def session_over(conn: Connection, device_id: int, *, now: float, patience: float | None = None) -> None:
    """Note the end of a session: from now on what is enqueued is reason for a call of its own.

    What could not be sent yet (a reboot comes first) is called for after ``patience`` seconds,
    by default ``AFTER_SESSION``.
    """
    later = now + (AFTER_SESSION if patience is None else patience)
    conn.execute(_SESSION_OVER, {"device": device_id, "later": later})


def call_now(conn: Connection, device_id: int, *, now: float) -> None:
    """Make the call of a device due at once, whatever pause there is after others; for people who ask."""
    conn.execute(update(devices).where(devices.c.id == device_id).values(connection_request_at=now))


def _reschedule(
    conn: Connection,
    device_id: int,
    error: str,
    result: str,
    at: float,
    *,
    due_at: float | None,
    now: float,
) -> None:
    # A device that checked in meanwhile has no call pending: what came of this one is all there is to note.
    scheduled = devices.c.connection_request_at
    pending = scheduled.is_not(None) if due_at is None else scheduled == due_at
    conn.execute(
        update(devices)
        .where(devices.c.id == device_id)
        .values(
            connection_request_result=result[:64],
            connection_request_tried_at=now,
            connection_request_attempts=devices.c.connection_request_attempts + case((pending, 1), else_=0),
            connection_request_error=case((pending, error[:500]), else_=devices.c.connection_request_error),
            connection_request_at=case((pending, at), else_=scheduled),
        )
    )
