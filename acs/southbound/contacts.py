"""What a device's contact looked like is noted where it changed; two devices under one identity are found."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, update

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices import Device
from acs.devices import clones as cl
from acs.settings import Settings
from acs.southbound.authentication import Proof
from acs.store.tables import devices

__all__ = ["note_clash", "note_contact"]

CLONED = "HeMS:identity-cloned"
"""The identifier of the alarm at a device whose identity is used twice."""
_UPTIME = "DeviceInfo.UpTime"
_CHANGE = update(devices).where(devices.c.id == bindparam("id_"))


def note_contact(
    conn: Connection,
    device: Device,
    proof: Proof,
    inform: m.Inform,
    *,
    settings: Settings,
    env: rm.Environment,
    now: float,
) -> tuple[al.AlarmChange, ...]:
    """Note address, key and boot time of an Inform where they changed; return the alarm of a clone.

    A steady contact writes nothing.
    """
    values: dict[str, object] = {}
    certificate = proof.vouched.certificate if proof.vouched else None
    if certificate is not None and certificate.not_after != device.certificate_not_after:
        values["certificate_not_after"] = certificate.not_after
    key = certificate.key_digest[:16] if certificate is not None else ""
    before = _history(device)
    bootstrap = ev.has_event(inform.events, ev.BOOTSTRAP)
    contact = cl.Contact(proof.address, key, _booted_at(inform, now), bootstrap)
    after = cl.follow(before, contact, now=now)
    if after is not before:
        values["contacts"] = msgspec.json.encode(after).decode()
    if values:
        conn.execute(_CHANGE, {"id_": device.id, **values})
    return _judge(conn, device, after, settings=settings, env=env, now=now) if after is not before else ()


def note_clash(
    conn: Connection,
    device_id: int,
    address: str,
    key: str,
    *,
    settings: Settings,
    env: rm.Environment,
    now: float,
) -> tuple[al.AlarmChange, ...]:
    """Note a message in a session that a newer one of the same device has ended."""
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    before = _history(device)
    after = cl.clash(before, cl.Contact(address, key), now=now)
    if after is before:
        return ()
    values = {"contacts": msgspec.json.encode(after).decode()}
    conn.execute(update(devices).where(devices.c.id == device.id).values(**values))
    return _judge(conn, device, after, settings=settings, env=env, now=now)


def _judge(
    conn: Connection,
    device: Device,
    history: cl.History,
    *,
    settings: Settings,
    env: rm.Environment,
    now: float,
) -> tuple[al.AlarmChange, ...]:
    found = cl.evidence(history, now=now)
    if not cl.is_clone(found):
        return ()
    change = al.raise_alarm(
        conn,
        device,
        identifier=CLONED,
        event_type="SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
        probable_cause="BREACH_OF_CONFIDENTIALITY",
        perceived_severity="MAJOR",
        specific_problem="IDENTITY_CLONED",
        additional_text="; ".join(text for _, text in found),
        detector=f"HeMS:{settings.realm}",
        now=now,
    )
    if change is None:
        return ()
    dev.audit(conn, "admission", "clone found", device.device_key, change.alarm.additional_text, now=now)
    rm.alarms_changed(conn, device, [change], env=env, now=now)
    return (change,)


def _history(device: Device) -> cl.History:
    return msgspec.json.decode(device.contacts or "{}", type=cl.History)


def _booted_at(inform: m.Inform, now: float) -> float | None:
    """Return when the device booted, in our time, where its Inform tells its UpTime."""
    for each in inform.parameters:
        if each.name.endswith(_UPTIME) and each.value.isascii() and each.value.isdecimal():
            seconds = int(each.value[:10])
            return now - seconds if seconds < 10**9 else None
    return None
