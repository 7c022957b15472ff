"""What people have sent to devices themselves: it is never held, but it takes room from the cases.

A command counts from when it was handed to its device until it is settled, in every group of the device. One
that still waits for its device disturbs nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import Connection, literal_column, select

from acs.cwmp import unpack
from acs.remediation.safety.limits import MOST_AT_ONCE, Safety
from acs.remediation.safety.rules import disruptive, groups_of_device
from acs.store.tables import commands, device_tags, devices

__all__ = ["SentByHand", "sent_by_hand"]

_SETS = "SetParameterValues"
_CHUNK = 500
# Written with literals, as in the index: with parameters SQLite would not use a partial index.
_BY_HAND = commands.c.purpose == literal_column("'operator'")
_WITH_DEVICE = commands.c.state.in_([literal_column(f"'{word}'") for word in ("sent", "accepted")])


class SentByHand(msgspec.Struct, frozen=True):
    """A disruptive command of a person, at its device since ``since``, and the groups that it counts in."""

    command: int
    device: str
    method: str
    since: float
    groups: list[str]


def sent_by_hand(
    conn: Connection, rules: Safety, *, without: Collection[int] = (), now: float
) -> list[SentByHand]:
    """Return the disruptive commands that people sent, the oldest of each device.

    ``without``: the ids of devices that are counted already. One that takes longer than a slot may counts no
    longer.
    """
    sent = (commands.c.id, commands.c.device_id, commands.c.method, commands.c.payload, commands.c.sent_at)
    about = (devices.c.device_key, devices.c.oui, devices.c.product_class, devices.c.software_version)
    query = (
        select(*sent, *about)
        .join(devices, devices.c.id == commands.c.device_id)
        .where(_BY_HAND, _WITH_DEVICE, commands.c.method.in_([*rules.methods, _SETS]))
        .where(commands.c.sent_at > now - rules.slot_seconds)
        .order_by(commands.c.id)
        .limit(MOST_AT_ONCE)
    )
    found = {}
    for row in conn.execute(query):
        counted = row.device_id in without or row.device_id in found
        if not counted and (row.method != _SETS or _disturbs(row.method, row.payload, rules)):
            found[row.device_id] = row
    tags = _tags(conn, list(found))
    return [
        SentByHand(
            row.id,
            row.device_key,
            row.method,
            row.sent_at,
            groups_of_device(row.product_class or row.oui, row.software_version, tags.get(device_id, ())),
        )
        for device_id, row in found.items()
    ]


def _disturbs(method: str, payload: str, rules: Safety) -> bool:
    return disruptive(unpack(method, msgspec.json.decode(payload)), rules)


def _tags(conn: Connection, ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for some in _chunks(ids):
        query = select(device_tags).where(device_tags.c.device_id.in_(some))
        for row in conn.execute(query):
            found.setdefault(row.device_id, []).append(f"{row.kind}:{row.name}")
    return found


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
