"""What devices are to report: set up command by command, and again when a device was reset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from acs import commands as cm
from acs import devices as dev
from acs.bulkdata.csv_report import Dialect
from acs.bulkdata.profile import PmUpload, ProfileSettings
from acs.commands import Command
from acs.cwmp import messages as m
from acs.datamodel import profile_for
from acs.errors import AcsError
from acs.store.tables import bulk_profiles as table

__all__ = [
    "Profile",
    "configure",
    "dialect_of",
    "list_profiles",
    "pm_table",
    "profile_commands_settled",
    "profiles_lost",
    "remove",
]

_PURPOSE = "bulkdata"
_ISSUE_1 = "tr-196-1"  # the tree of TR-196 Issue 1
_GONE = 9005  # "Invalid parameter name" (TR-069 A.5.1)
_MOST = 8  # profiles of a device
_PATIENCE = 365 * 86400.0  # seconds that a device may stay away; it is set up when it comes


Settings = ProfileSettings | PmUpload


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of a device. ``state``: configuring, active, removing, or failed (``error`` tells why)."""

    id: int
    device_id: int
    settings: Settings
    state: str
    instance: int | None
    rows: tuple[int, ...]
    generation: int
    error: str
    changed_at: float


def _profile(row: RowMapping) -> Profile:
    facts = dict(row)
    facts.pop("name")
    facts["settings"] = msgspec.json.decode(facts["settings"], type=Settings)
    facts["rows"] = tuple(msgspec.json.decode(facts["rows"], type=list[int]))
    return Profile(**facts)


def _change(conn: Connection, profile: Profile, *, now: float, **values: object) -> Profile:
    if "rows" in values:
        values["rows"] = msgspec.json.encode(values["rows"]).decode()
    query = update(table).where(table.c.id == profile.id).values(changed_at=now, **values).returning(table)
    return _profile(conn.execute(query).mappings().one())


def list_profiles(conn: Connection, device_id: int) -> list[Profile]:
    """Return the profiles of a device, by name."""
    query = select(table).where(table.c.device_id == device_id).order_by(table.c.name)
    return [_profile(row) for row in conn.execute(query).mappings()]


def dialect_of(conn: Connection, device_id: int, name: str) -> Dialect | None:
    """Return how the CSV of a profile is to be read; None where this ACS did not set it up."""
    query = select(table.c.settings).where(table.c.device_id == device_id, table.c.name == name)
    found = conn.execute(query).scalar()
    settings = msgspec.json.decode(found, type=Settings) if found else None
    return settings.dialect if isinstance(settings, ProfileSettings) else None


def pm_table(conn: Connection, device: dev.Device) -> str:
    """Return where a device has the upload of PM files, by its profile or what it told; see ``PmUpload``."""
    root = device.root or "Device."
    row, single = f"{root}FAP.PerfMgmt.Config.", f"{root}Services.FAPService.1.PerfMgmt.FileMgmt."
    if profile_for(device).tree == _ISSUE_1:
        return single
    told = bool(dev.parameters_of(conn, device.id, single))
    return single if told and not dev.parameters_of(conn, device.id, f"{root}FAP.PerfMgmt.") else row


def configure(conn: Connection, device_id: int, settings: Settings, *, now: float) -> Profile:
    """Have a device report as ``settings`` say; a profile of the same name is changed.

    Raises ``AcsError`` for settings that no device would take.
    """
    settings.check()
    there = {each.settings.name: each for each in list_profiles(conn, device_id)}
    body = msgspec.json.encode(settings).decode()
    found = there.get(settings.name)
    if found is not None:
        again = {"settings": body, "generation": found.generation + 1, "state": "configuring", "error": ""}
        return _proceed(conn, _change(conn, found, now=now, **again), now=now)
    if len(there) >= _MOST:
        raise AcsError(f"the device has {_MOST} profiles already; remove one with: acs bulk remove")
    values = {"device_id": device_id, "name": settings.name, "settings": body, "state": "configuring"}
    made = conn.execute(insert(table).values(**values, changed_at=now).returning(table))
    return _proceed(conn, _profile(made.mappings().one()), now=now)


def remove(conn: Connection, device_id: int, name: str, *, now: float) -> None:
    """Take a profile away from a device. Raises ``AcsError`` when it has none of that name."""
    found = [each for each in list_profiles(conn, device_id) if each.settings.name == name]
    if not found:
        raise AcsError(f"the device has no profile {name!r}; see: acs bulk profiles")
    lost = found[0].settings.single and found[0].state == "failed"
    if lost or (found[0].instance is None and not found[0].settings.single):
        conn.execute(delete(table).where(table.c.id == found[0].id))
        return
    values = {"state": "removing", "generation": found[0].generation + 1, "error": ""}
    _proceed(conn, _change(conn, found[0], now=now, **values), now=now)


def profiles_lost(conn: Connection, device_id: int, *, now: float) -> None:
    """Set all profiles of a device up anew: it was reset and has lost them (``0 BOOTSTRAP``)."""
    for profile in list_profiles(conn, device_id):
        if profile.state == "removing":
            conn.execute(delete(table).where(table.c.id == profile.id))
            continue
        anew = {"instance": None, "rows": (), "generation": profile.generation + 1}
        changed = _change(conn, profile, now=now, state="configuring", error="", **anew)
        _proceed(conn, changed, now=now)


def _proceed(conn: Connection, profile: Profile, *, now: float) -> Profile:
    """Enqueue the next request of a profile; those of before that were not sent are withdrawn."""
    for waiting in cm.open_commands(conn, profile.device_id):
        if waiting.command_key.startswith(f"b{profile.id}-") and waiting.state == "queued":
            cm.cancel(conn, waiting.id, now=now)
    kept = dev.get(conn, profile.device_id).parameter_key
    request: m.Message
    if profile.state == "removing":
        request, step = profile.settings.removal(profile.instance, kept), "d"
    else:
        request = profile.settings.next_request(profile.instance, profile.rows, kept)
        step = f"{len(profile.rows)}{'' if profile.instance is None else 'p'}"
    key = f"b{profile.id}-{profile.generation}-{step}"
    try:
        cm.enqueue(
            conn,
            profile.device_id,
            request,
            command_key=key,
            purpose=_PURPOSE,
            expires_at=now + _PATIENCE,
            now=now,
        )
    except cm.RefusedRequest as error:  # the device's data model has no such thing
        return _change(conn, profile, now=now, state="failed", error=str(error)[:256])
    return profile


def profile_commands_settled(conn: Connection, settled: Iterable[Command], *, now: float) -> None:
    """Go on with the profiles whose commands these are."""
    for command in settled:
        if command.purpose != _PURPOSE:
            continue
        number, generation, _ = command.command_key[1:].split("-")
        row = conn.execute(select(table).where(table.c.id == int(number))).mappings().first()
        if row is not None and row["generation"] == int(generation):
            _settled(conn, _profile(row), command, now=now)


def _settled(conn: Connection, profile: Profile, command: Command, *, now: float) -> None:
    if profile.state == "removing" and command.fault_code == _GONE:  # the device has lost it by itself
        conn.execute(delete(table).where(table.c.id == profile.id))
        return
    if not command.succeeded:
        code = f" (fault {command.fault_code})" if command.fault_code else ""
        why = f"{command.method} {command.state}: {command.fault_string}{code}"
        _change(conn, profile, now=now, state="failed", error=why[:256])
        return
    answer = command.answer
    if isinstance(answer, m.AddObjectResponse) and profile.instance is None:
        _proceed(conn, _change(conn, profile, now=now, instance=answer.instance_number), now=now)
    elif isinstance(answer, m.AddObjectResponse):
        rows = (*profile.rows, answer.instance_number)
        _proceed(conn, _change(conn, profile, now=now, rows=rows), now=now)
    elif profile.state == "removing":
        conn.execute(delete(table).where(table.c.id == profile.id))
    else:
        _change(conn, profile, now=now, state="active")
