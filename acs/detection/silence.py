"""C-18: a device from which no Inform comes while the network still sees it (S1 L72, L76)."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from acs import alarms as al
from acs import devices as dev
from acs.detection.checks import Verdict
from acs.detection.memory import memory_of
from acs.detection.outcome import Circumstances, conclude, remember
from acs.devices import Device
from acs.store.tables import devices, sightings

__all__ = ["look_for_silence", "note_sighting", "silent_devices"]

_INTERVAL = "ManagementServer.PeriodicInformInterval"
_LONGEST = 86_400.0  # seconds up to which a device is believed its own: one could say that it never informs


def note_sighting(conn: Connection, device: Device, *, source: str, now: float) -> None:
    """Note that a HeNB-GW or MME sees the device connected now; the last one counts. One row a device."""
    conn.execute(delete(sightings).where(sightings.c.device_id == device.id))
    conn.execute(
        insert(sightings).values(
            device_id=device.id, source=source[:128].replace("\0", "\ufffd"), seen_at=now
        )
    )


def silent_devices(
    conn: Connection, how: Circumstances, *, interval: float, since: float, limit: int
) -> list[int]:
    """Return devices that the network saw lately and that were silent for too long; nothing is changed.

    ``since``: when this HeMS began to listen; silence before is its own. ``interval``: of periodic Informs,
    by the policy. At least as long a silence is asked for as the device's own interval says, up to a day.
    """
    if "C-18" in how.limits.skip or how.now - since < how.limits.silence_intervals * interval:
        return []
    query = (
        select(devices.c.id)
        .join(sightings, sightings.c.device_id == devices.c.id)
        .where(
            sightings.c.seen_at >= how.now - how.limits.sighting_age,
            devices.c.last_inform_at < how.now - how.limits.silence_intervals * interval,
            devices.c.admission == "allowed",
            ~devices.c.detection.contains('"C-18":"found"'),
        )
        .order_by(devices.c.last_inform_at)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def look_for_silence(
    conn: Connection, device_id: int, how: Circumstances, *, interval: float, since: float
) -> list[al.AlarmChange]:
    """Judge the silence of one device, and raise its alarm."""
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    seen = conn.execute(select(sightings).where(sightings.c.device_id == device_id)).first()
    if seen is None or device.last_inform_at is None:
        return []
    root = device.root or "Device."
    own = dev.parameters_of(conn, device_id, f"{root}{_INTERVAL}").get(f"{root}{_INTERVAL}")
    if own is not None and own.value.isascii() and own.value.isdecimal():
        interval = max(interval, min(float(own.value[:9]), _LONGEST))
    silent = how.now - max(device.last_inform_at, since)
    if silent < how.limits.silence_intervals * interval or seen.seen_at < how.now - how.limits.sighting_age:
        return []
    start = memory_of(device.detection)
    text = f"no Inform for {silent / 60:.0f} min, and {seen.source} sees it connected"
    facts: dict[str, object] = {"silent": round(silent), "interval": interval, "seen_by": seen.source}
    memory, changes = conclude(conn, device, start, [Verdict("C-18", "found", text, facts)], how)
    remember(conn, device, memory, start)
    return changes
