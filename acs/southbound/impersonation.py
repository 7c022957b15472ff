"""A device that claims to be another: what the HeMS raises about it (TS 33.320 4.4.9, checks of identity).

Two alarms, since two devices are concerned. The one whose identity was claimed has done nothing: its alarm
is a WARNING, which starts no remediation; otherwise an attacker could have any device reset or blocked
by naming it. The one whose credentials were used has proved that it lies: its alarm is MAJOR.
"""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.devices import Device

__all__ = ["Seldom", "identity_claimed"]

CLAIMED = "HeMS:identity-claimed"
"""The identifier of the alarm at the device whose identity was claimed."""
CLAIMING = "HeMS:identity-of-another"
"""The identifier of the alarm at the device whose credentials were used for it."""
_FAILURE = {
    "event_type": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "probable_cause": "AUTHENTICATION_FAILURE",
}


class Seldom:
    """Lets each key through once in ``interval`` seconds; bounded, forgets the oldest. Pure."""

    def __init__(self, interval: float, *, capacity: int = 10_000) -> None:
        self._interval, self._capacity = interval, capacity
        self._last: OrderedDict[object, float] = OrderedDict()

    def __call__(self, key: object, now: float) -> bool:
        """Tell whether the turn of ``key`` has come, and note that it was taken."""
        last = self._last.get(key)
        if last is not None and now - last < self._interval:
            return False
        self._last[key] = now
        self._last.move_to_end(key)
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)
        return True


def identity_claimed(
    conn: Connection,
    claimed_key: str,
    *,
    names: tuple[str, ...],
    by_key: str,
    why: str,
    address: str,
    detector: str,
    env: rm.Environment,
    now: float,
) -> list[al.AlarmChange]:
    """Record that somebody claimed to be ``claimed_key``; return the alarms that were raised.

    It proved itself by a certificate of ``names`` or as ``by_key``. No alarm is raised for devices that are
    not registered.
    """
    dev.audit_seldom(
        conn, "admission", "identity claimed", claimed_key, f"from {address}: {why}"[:1000], now=now
    )
    changes: list[al.AlarmChange] = []
    claimed = dev.find(conn, claimed_key, lock=True)
    if claimed is not None:
        text = f"somebody at {address} claimed to be this device: {why}"
        change = al.raise_alarm(
            conn,
            claimed,
            identifier=CLAIMED,
            perceived_severity="WARNING",
            specific_problem="IDENTITY_CLAIMED",
            additional_text=text,
            detector=detector,
            now=now,
            **_FAILURE,
        )
        changes += _react(conn, claimed, change, env=env, now=now)
    holders = [by_key] if by_key else [dev.certificate_holder(conn, name) for name in names[:4]]
    for key in {each for each in holders if each and each != claimed_key}:
        holder = dev.find(conn, key, lock=True)
        if holder is not None:
            text = f"its credentials were used at {address} to claim to be {claimed_key[:100]}"
            change = al.raise_alarm(
                conn,
                holder,
                identifier=CLAIMING,
                perceived_severity="MAJOR",
                specific_problem="AUTH_FAILURE",
                additional_text=text,
                detector=detector,
                now=now,
                **_FAILURE,
            )
            changes += _react(conn, holder, change, env=env, now=now)
    return changes


def _react(
    conn: Connection, device: Device, change: al.AlarmChange | None, *, env: rm.Environment, now: float
) -> list[al.AlarmChange]:
    if change is None:
        return []
    rm.alarms_changed(conn, device, [change], env=env, now=now)
    return [change]
