"""A device that is not what it claims to be: what the HeMS raises about it (TS 33.320 4.4.9).

Two alarms, since two devices are concerned. The one whose identity was claimed has done nothing: its alarm
is a WARNING, which starts no remediation; otherwise an attacker could have any device reset or blocked
by naming it. The one whose credentials were used has proved that it lies: its alarm is MAJOR.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.devices import Device
from acs.southbound.limits import Buckets

__all__ = ["Claim", "Claims", "Seldom", "certificate_revoked", "identity_claimed"]

CLAIMED = "HeMS:identity-claimed"
"""The identifier of the alarm at the device whose identity was claimed."""
CLAIMING = "HeMS:identity-of-another"
"""The identifier of the alarm at the device whose credentials were used for it."""
REVOKED = "HeMS:certificate-revoked"
"""The identifier of the alarm at the device whose certificate was revoked, and is used."""
_FAILURE = {
    "event_type": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "probable_cause": "AUTHENTICATION_FAILURE",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody at ``address`` claimed to be, and how: by a certificate of ``names``, or as ``by_key``."""

    claimed_key: str
    names: tuple[str, ...]
    by_key: str
    why: str
    address: str


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


class Claims:
    """Which claims to be another device are followed up: each now and then, and so many of one claimer. Pure.

    A device that claims to be every other one in turn raises alarms at few of them; that it lies is known
    by the first.
    """

    def __init__(self) -> None:
        self._each = Seldom(60.0)
        self._claimers = Buckets(0.01, 60)

    def __call__(self, claimed: str, claimer: str, now: float) -> bool:
        """Tell whether a claim is to be followed up, and note that it is."""
        return self._each((claimed, claimer), now) and not self._claimers.take(claimer, now)


def identity_claimed(
    conn: Connection, claim: Claim, *, detector: str, env: rm.Environment, now: float
) -> list[al.AlarmChange]:
    """Record that somebody claimed to be another device; return the alarms that were raised.

    No alarm is raised for devices that are not registered, and they have no place in the audit, which is kept
    for ever: whoever claims to be ever others would fill it.
    """
    changes: list[al.AlarmChange] = []
    claimed = dev.find(conn, claim.claimed_key, lock=True)
    if claimed is not None:
        dev.audit_seldom(
            conn,
            "admission",
            "identity claimed",
            claim.claimed_key,
            f"from {claim.address}: {claim.why}"[:1000],
            now=now,
        )
        text = f"somebody at {claim.address} claimed to be this device: {claim.why}"
        finding = _Finding(CLAIMED, "WARNING", "IDENTITY_CLAIMED", text)
        changes += _raise(conn, claimed, finding, detector=detector, env=env, now=now)
    holders = (
        [claim.by_key] if claim.by_key else [dev.certificate_holder(conn, name) for name in claim.names[:4]]
    )
    for key in {each for each in holders if each and each != claim.claimed_key}:
        holder = dev.find(conn, key, lock=True)
        if holder is not None:
            text = f"its credentials were used at {claim.address} to claim to be {claim.claimed_key[:100]}"
            finding = _Finding(CLAIMING, "MAJOR", "AUTH_FAILURE", text)
            changes += _raise(conn, holder, finding, detector=detector, env=env, now=now)
    return changes


def certificate_revoked(
    conn: Connection, claim: Claim, *, detector: str, env: rm.Environment, now: float
) -> list[al.AlarmChange]:
    """Record that a revoked certificate was shown; return the alarm at the device whose it was.

    What the Inform claims does not matter.
    """
    dev.audit_seldom(
        conn,
        "admission",
        "revoked certificate shown",
        claim.names[0][:200],
        f"from {claim.address}: {claim.why}",
        now=now,
    )
    key = next((found for name in claim.names[:4] if (found := dev.certificate_holder(conn, name))), None)
    holder = dev.find(conn, key, lock=True) if key else None
    if holder is None:
        return []
    finding = _Finding(REVOKED, "MAJOR", "CERTIFICATE_REVOKED", f"shown at {claim.address}: {claim.why}")
    return _raise(conn, holder, finding, detector=detector, env=env, now=now)


class _Finding(NamedTuple):
    identifier: str
    perceived_severity: str
    specific_problem: str
    additional_text: str


def _raise(
    conn: Connection, device: Device, found: _Finding, *, detector: str, env: rm.Environment, now: float
) -> list[al.AlarmChange]:
    """Raise an alarm at a device and let remediation react; return the change, where there is one."""
    change = al.raise_alarm(conn, device, **found._asdict(), detector=detector, now=now, **_FAILURE)
    if change is None:
        return []
    rm.alarms_changed(conn, device, [change], env=env, now=now)
    return [change]
