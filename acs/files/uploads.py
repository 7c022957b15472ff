"""What devices send: claiming a URL, quotas, what was stored. Repository functions of a connection.

A one-time URL works once for a complete body. An attempt that breaks may be repeated, and the newest attempt
is the one that counts: a device that comes again has given the older connection up, whatever this side of it
still looks like. Every attempt stores under a key of its own, so that two of them can't mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from acs import devices as dev
from acs.files.refused import TransferRefused
from acs.files.storage import Stored
from acs.files.urls import UploadGrant
from acs.store import signal
from acs.store.tables import devices, uploads, uploads_total

__all__ = [
    "ARRIVED",
    "PM_FILE",
    "Claim",
    "Upload",
    "UploadLimits",
    "break_overdue",
    "break_upload",
    "claim_upload",
    "complete_upload",
    "find_upload",
    "forget_upload",
    "forget_uploads",
    "list_uploads",
    "old_uploads",
    "upload_kinds",
]

PM_FILE = "PM"
"""The kind of what a HeNB sends at the URL of its ``PerfMgmt.Config`` (TR-196), which is no FileType."""
ARRIVED = "upload"
"""The signal's topic; its payload is the number of the upload."""
_ATTEMPTS = 20  # at one URL
_COUNTED = 300.0  # seconds after which all uploads are counted anew
_CLOCKS = 60.0  # seconds by which the clocks of two nodes may differ
_NAME = 128  # characters that are kept of what a device calls its file


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes: of one upload, of all that is kept of one device, of all that is kept.

    ``device_count``: how many uploads of one device are kept, however small they are; a PM file each quarter
    of an hour for a month is 2880.
    """

    size: int
    device_quota: int
    total_quota: int
    device_count: int = 5000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to store one body of at most ``most`` bytes under ``storage_key``."""

    upload_id: int
    attempt: int
    most: int
    storage_key: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A row of ``uploads``. ``name`` and ``media_type`` are the device's words, not to be believed."""

    id: int
    device_id: int
    device_key: str
    kind: str
    command_key: str
    name: str
    media_type: str
    state: str
    attempt: int
    size: int
    sha256: str
    storage_key: str
    reason: str
    address: str
    created_at: float
    changed_at: float
    handler_attempts: int
    handled_at: float | None

    @property
    def storage_keys(self) -> list[str]:
        """Where its content lies, or that of an attempt during which the ACS died may lie."""
        return [_key(self.device_id, self.id, number + 1) for number in range(self.attempt)]


def _key(device_id: int, upload_id: int, attempt: int) -> str:
    return f"uploads/{device_id}/{upload_id}-{attempt}"


_FIELDS = tuple(name for name in Upload.__dataclass_fields__ if name != "device_key")
_SELECT = select(*(uploads.c[name] for name in _FIELDS), devices.c.device_key).join_from(uploads, devices)


def _upload(row: RowMapping) -> Upload:
    return Upload(**row)


def claim_upload(
    conn: Connection,
    grant: UploadGrant,
    *,
    limits: UploadLimits,
    declared: int | None,
    name: str,
    media_type: str,
    address: str,
    now: float,
) -> Claim:
    """Let a body in and reserve its share of the quotas; ``declared``: its Content-Length, if it has one.

    Raises ``TransferRefused`` when the device is blocked, the URL is used up, or there is no room.
    """
    dev.lock(conn, grant.device_id)  # two uploads of one device can't both take the last of its quota
    device = dev.get(conn, grant.device_id)
    if device.blocked:
        raise TransferRefused(403, "refused", "this device may not send files")
    if declared is not None and declared > limits.size:
        raise TransferRefused(413, "too-large", f"{declared} bytes are too many; {limits.size} are allowed")
    found = None
    if not grant.standing:
        wanted = uploads.c.grant_key == grant.key
        found = conn.execute(select(uploads).where(wanted).with_for_update()).mappings().first()
    # Clients that wait for a challenge before they show their body send an empty one first.
    if found is not None and found["state"] == "stored" and found["size"]:
        raise TransferRefused(410, "used", "this URL was used; the ACS has to ask for the file again")
    if found is not None and found["attempt"] >= _ATTEMPTS:
        raise TransferRefused(410, "too-often", f"{_ATTEMPTS} attempts at this URL have failed; it is closed")
    most = _reserve(conn, grant.device_id, found["id"] if found else None, limits, declared, now=now)
    facts = {
        "handle_at": None,
        "name": "".join(c if c.isprintable() else "\ufffd" for c in name[:_NAME]),
        "media_type": media_type[:_NAME],
        "address": address,
        "state": "receiving",
        "reserved": most,
        "reason": "",
        "changed_at": now,
    }
    if found is not None:
        attempt = found["attempt"] + 1
        conn.execute(update(uploads).where(uploads.c.id == found["id"]).values(attempt=attempt, **facts))
        upload_id = found["id"]
    else:
        attempt = 1
        made = insert(uploads).values(
            device_id=grant.device_id,
            grant_key=None if grant.standing else grant.key,
            kind=grant.kind,
            command_key=grant.command_key,
            created_at=now,
            **facts,
        )
        upload_id = conn.execute(made.returning(uploads.c.id)).scalar_one()
    return Claim(upload_id, attempt, most, _key(grant.device_id, upload_id, attempt))


def _reserve(
    conn: Connection,
    device_id: int,
    own: int | None,
    limits: UploadLimits,
    declared: int | None,
    *,
    now: float,
) -> int:
    """Return how many bytes may come; raise ``TransferRefused`` when that is less than what is to come."""
    if own is None:
        count = select(func.count()).select_from(uploads).where(uploads.c.device_id == device_id)
        if conn.execute(count).scalar_one() >= limits.device_count:
            text = f"{limits.device_count} uploads of this device are kept; older ones have to go first"
            raise TransferRefused(507, "device-count", text, retry_after=3600)
    used = select(func.coalesce(func.sum(uploads.c.size + uploads.c.reserved), 0))
    if own is not None:
        used = used.where(uploads.c.id != own)
    of_device = limits.device_quota - int(
        conn.execute(used.where(uploads.c.device_id == device_id)).scalar_one()
    )
    wanted = 1 if declared is None else declared
    enough = limits.size if declared is None else declared
    of_all = limits.total_quota - _at_most_used(conn, now)
    if enough > of_all:
        of_all = limits.total_quota - int(conn.execute(used).scalar_one())
    if wanted > of_device:
        raise TransferRefused(507, "device-quota", "what is kept of this device has reached its quota")
    if wanted > of_all:
        raise TransferRefused(507, "total-quota", "what is kept of all devices has reached its quota")
    return min(limits.size, of_device, of_all) if declared is None else declared


def _at_most_used(conn: Connection, now: float) -> int:
    """Return a number of bytes that all uploads together do not exceed, without looking at all of them.

    They were counted a while ago; what has changed since is counted again, as if it came on top.
    """
    size = func.coalesce(func.sum(uploads.c.size + uploads.c.reserved), 0)
    last = conn.execute(select(uploads_total)).first()
    if last is None or not last.counted_at <= now < last.counted_at + _COUNTED:
        counted = int(conn.execute(select(size)).scalar_one())
        values = {"bytes": counted, "counted_at": now}
        if not conn.execute(update(uploads_total).values(values)).rowcount:
            conn.execute(_first_count(conn).values(id=1, **values).on_conflict_do_nothing())
        return counted
    since = select(size).where(uploads.c.changed_at >= last.counted_at - _CLOCKS)
    return int(last.bytes) + int(conn.execute(since).scalar_one())


def _first_count(conn: Connection) -> Any:
    """Return an insert that two nodes may do at once."""
    return (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(uploads_total)


def complete_upload(conn: Connection, claim: Claim, stored: Stored, *, now: float) -> bool:
    """Enter a body that was stored; False when a newer attempt took over and this one does not count."""
    done = conn.execute(
        update(uploads)
        .where(_is(claim))
        .values(
            state="stored",
            sha256=stored.sha256,
            size=stored.size,
            reserved=0,
            storage_key=claim.storage_key,
            changed_at=now,
            handle_at=now,
            handled_at=None,
            handler_attempts=0,
        )
    )
    if done.rowcount:
        signal(conn, ARRIVED, str(claim.upload_id))
    return bool(done.rowcount)


def break_upload(conn: Connection, claim: Claim, reason: str, *, now: float) -> bool:
    """Note that an attempt ended without a whole body, and give its share of the quotas back.

    Returns False when it had been completed after all: then its content has to stay.
    """
    broken = {"state": "broken", "reason": reason, "reserved": 0, "changed_at": now}
    if conn.execute(update(uploads).where(_is(claim)).values(**broken)).rowcount:
        return True
    kept = select(uploads.c.storage_key).where(uploads.c.id == claim.upload_id)
    return conn.execute(kept).scalar() != claim.storage_key


def _is(claim: Claim):  # type: ignore[no-untyped-def]  # an SQL expression
    return (
        (uploads.c.id == claim.upload_id)
        & (uploads.c.attempt == claim.attempt)
        & (uploads.c.state == "receiving")
    )


def find_upload(conn: Connection, upload_id: int) -> Upload | None:
    """Return an upload by its number."""
    row = conn.execute(_SELECT.where(uploads.c.id == upload_id)).mappings().first()
    return _upload(row) if row else None


def list_uploads(
    conn: Connection, *, device_id: int | None = None, kind: str | None = None, limit: int = 100
) -> list[Upload]:
    """Return uploads, the newest first."""
    query = _SELECT.order_by(uploads.c.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(uploads.c.device_id == device_id)
    if kind is not None:
        query = query.where(uploads.c.kind == kind)
    return [_upload(row) for row in conn.execute(query).mappings()]


def upload_kinds(conn: Connection) -> list[str]:
    """Return the kinds of upload that there are."""
    return sorted(conn.execute(select(uploads.c.kind).distinct()).scalars())


def break_overdue(conn: Connection, *, before: float, now: float, limit: int) -> int:
    """Give back the reservations of attempts begun before then, whose node must have died."""
    overdue = (
        select(uploads.c.id)
        .where(uploads.c.state == "receiving", uploads.c.changed_at < before)
        .order_by(uploads.c.id)
        .limit(limit)
    )
    broken = {"state": "broken", "reason": "the ACS stopped meanwhile", "reserved": 0, "changed_at": now}
    return conn.execute(update(uploads).where(uploads.c.id.in_(overdue)).values(**broken)).rowcount


def forget_upload(conn: Connection, upload: Upload, *, who: str, now: float) -> None:
    """Delete the row of an upload that a person removes, and record it."""
    conn.execute(delete(uploads).where(uploads.c.id == upload.id))
    detail = f"{upload.id}: {upload.kind}, {upload.size} bytes, SHA-256 {upload.sha256 or 'none'}"
    dev.audit(conn, who, "upload removed", upload.device_key, detail, now=now)


def old_uploads(conn: Connection, *, before: float, limit: int) -> list[Upload]:
    """Return uploads that came, or broke, before then: content and row are to be deleted, in this order."""
    query = _SELECT.where(uploads.c.state != "receiving", uploads.c.changed_at < before)
    return [
        _upload(row) for row in conn.execute(query.order_by(uploads.c.changed_at).limit(limit)).mappings()
    ]


def forget_uploads(conn: Connection, ids: list[int]) -> int:
    """Delete rows whose content is deleted already."""
    return conn.execute(delete(uploads).where(uploads.c.id.in_(ids))).rowcount
