"""Signed checkpoints of the audit: the hash chain tells of what was altered, these of what was cut off.

A checkpoint says "entry n had this hash at that time", signed by a node. They are kept in the database and,
by each node, in a file beside its data: who cuts the end off the record in the database has to reach
every node's file as well, or the copy of it that a log collector took.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from acs.devices.audit import GENESIS, digest
from acs.security.signing import SigningKey, signature_holds
from acs.store.tables import audit as table
from acs.store.tables import audit_checkpoints

__all__ = ["AuditVerdict", "Checkpoint", "audit_entries", "check_audit", "checkpoints", "make_checkpoint"]

_PAGE = 1000


class Checkpoint(msgspec.Struct, frozen=True):
    """Entry ``entry`` of the audit had ``hash`` at ``at``; ``key`` is the public key."""

    at: float
    entry: int
    entries: int
    hash: str
    key: str
    signature: str = ""

    @property
    def message(self) -> bytes:
        """What is signed."""
        return msgspec.json.encode(
            ("femto-acs/audit", self.at, self.entry, self.entries, self.hash, self.key)
        )

    @property
    def genuine(self) -> bool:
        """Whether the signature holds."""
        return signature_holds(self.key, self.signature, self.message)


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a verification came to; ``broken`` is the first entry that is not as it was."""

    entries: int
    checkpoints: int
    broken: int | None = None
    why: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return self.broken is None


def make_checkpoint(conn: Connection, key: SigningKey, *, now: float) -> Checkpoint | None:
    """Sign the end of the audit and keep it; None where nothing was added since this node's last one."""
    last = conn.execute(select(table.c.id, table.c.hash).order_by(table.c.id.desc()).limit(1)).first()
    if last is None:
        return None
    mine = audit_checkpoints.c.key == key.public
    newest = conn.execute(
        select(audit_checkpoints.c.entry).where(mine).order_by(audit_checkpoints.c.id.desc()).limit(1)
    ).scalar()
    if newest == last.id:
        return None
    entries = int(conn.execute(select(func.count()).select_from(table)).scalar_one())
    made = Checkpoint(now, last.id, entries, last.hash, key.public)
    made = msgspec.structs.replace(made, signature=key.sign(made.message))
    conn.execute(insert(audit_checkpoints).values(**msgspec.structs.asdict(made)))
    return made


def checkpoints(conn: Connection) -> list[Checkpoint]:
    """Return all checkpoints in the database, the oldest first."""
    columns = [audit_checkpoints.c[name] for name in Checkpoint.__struct_fields__]
    return [Checkpoint(*row) for row in conn.execute(select(*columns).order_by(audit_checkpoints.c.id))]


def audit_entries(conn: Connection, *, after: int = 0, limit: int = _PAGE) -> list[dict[str, Any]]:
    """Return up to ``limit`` entries of the audit after entry ``after``, in their order."""
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]


def _all(conn: Connection) -> Iterator[dict[str, Any]]:
    after = 0
    while page := audit_entries(conn, after=after):
        yield from page
        after = page[-1]["id"]


def check_audit(conn: Connection, others: Iterable[Checkpoint] = ()) -> AuditVerdict:
    """Verify the whole record against itself and against checkpoints; ``others`` are those out of files.

    The first entry that is not as it was is named: one that was altered, whose predecessor is gone, or
    which a checkpoint knows and the record does not.
    """
    found = [*checkpoints(conn), *others]
    wanted: dict[int, list[Checkpoint]] = {}
    for each in found:
        if not each.genuine:
            why = f"a checkpoint of entry {each.entry} was not signed by the key that it names"
            return AuditVerdict(0, len(found), each.entry, why)
        wanted.setdefault(each.entry, []).append(each)
    previous, count = GENESIS, 0
    for row in _all(conn):
        count += 1
        texts = (row["who"], row["action"], row["target"], row["detail"])
        if row["previous_hash"] != previous:
            return AuditVerdict(count, len(found), row["id"], "the entry before it is gone, or was altered")
        if row["hash"] != digest(previous, row["at"], *texts):
            return AuditVerdict(count, len(found), row["id"], "it was altered")
        for each in wanted.pop(row["id"], ()):
            if (each.hash, each.entries) != (row["hash"], count):
                why = "a signed checkpoint knows another entry: the record was written anew"
                return AuditVerdict(count, len(found), row["id"], why)
        previous = row["hash"]
    if wanted:
        missing = min(wanted)
        why = f"a signed checkpoint knows entry {missing}, and it is gone: the end of the record was cut off"
        return AuditVerdict(count, len(found), missing, why)
    return AuditVerdict(count, len(found))
