"""Two devices under one identity: what tells of it, and what only looks like it. Pure.

What a device has once at a time is followed by its changes. A renewed key, a new address after a renumbering
and a new boot time after a reboot are changes, and come to an end. That an *earlier* value comes back means
that two devices take turns. How much that weighs depends on what it is:

- a key that was replaced and is used again: nobody goes back to a key (weight 2), but for a device that was
  reset to what its factory gave it, which says 0 BOOTSTRAP: that counts as a change like others, and as a
  return only when the key it had before the reset comes again;
- the time of the last boot going back and forth, told by UpTime (weight 2);
- a session that goes on although the same device opened a newer one from elsewhere (1, twice 2);
- two addresses that take turns within an hour (1): several uplinks and address pools of providers do that,
  so it is no proof alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

__all__ = ["Contact", "History", "Seen", "clash", "evidence", "follow", "is_clone"]

ENOUGH = 2
"""The weight from which on an identity is taken to be used twice."""
_KEPT = 12
_HOUR, _DAY = 3600.0, 86400.0
_BOOT_TOLERANCE = 300.0  # seconds: an Inform may wait that long on its way


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A value from ``at`` on (seconds since the epoch); ``reset``: it came with a factory reset."""

    value: str
    at: float
    reset: bool = False


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device's contacts looked like, one entry for each change, the newest last; bounded."""

    addresses: tuple[Seen, ...] = ()
    keys: tuple[Seen, ...] = ()
    boots: tuple[Seen, ...] = ()
    clashes: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact: where from, with which key (a digest, empty for a password), booted when (or None)."""

    address: str
    key: str = ""
    booted_at: float | None = None
    bootstrap: bool = False
    """Whether its Inform has the event 0 BOOTSTRAP."""


def _changed(before: tuple[Seen, ...], value: str, now: float, *, reset: bool = False) -> tuple[Seen, ...]:
    if not value or (before and before[-1].value == value):
        return before
    return (*before[-(_KEPT - 1) :], Seen(value, now, reset))


def follow(history: History, contact: Contact, *, now: float) -> History:
    """Return the history after a contact; the same object where nothing changed."""
    addresses = _changed(history.addresses, contact.address, now)
    keys = _changed(history.keys, contact.key, now, reset=contact.bootstrap)
    boots = history.boots
    if contact.booted_at is not None:
        last = float(boots[-1].value) if boots else None
        if last is None or abs(last - contact.booted_at) > _BOOT_TOLERANCE:
            # A boot time that was there before is written as it was then.
            known = (float(each.value) for each in reversed(boots))
            same = next((each for each in known if abs(each - contact.booted_at) <= _BOOT_TOLERANCE), None)
            boots = _changed(boots, f"{contact.booted_at if same is None else same:.0f}", now)
    if addresses is history.addresses and keys is history.keys and boots is history.boots:
        return history
    return msgspec.structs.replace(history, addresses=addresses, keys=keys, boots=boots)


def clash(history: History, contact: Contact, *, now: float) -> History:
    """Return the history after a message in a session that a newer one has ended.

    A device that began anew from the same place, as one does after a reboot, does not count.
    """
    newest_address = history.addresses[-1].value if history.addresses else contact.address
    newest_key = history.keys[-1].value if history.keys else contact.key
    if contact.address == newest_address and contact.key in ("", newest_key):
        return history
    seen = Seen(contact.address, now)
    return msgspec.structs.replace(history, clashes=(*history.clashes[-(_KEPT - 1) :], seen))


def _returns(seen: Sequence[Seen], *, since: float) -> list[Seen]:
    """Return the changes since then that went back to an earlier value."""
    return [
        each
        for number, each in enumerate(seen)
        if each.at >= since and not each.reset and any(other.value == each.value for other in seen[:number])
    ]


def evidence(history: History, *, now: float) -> list[tuple[int, str]]:
    """Return what speaks for two devices under one identity: weights and sentences."""
    found: list[tuple[int, str]] = []
    keys = _returns(history.keys, since=now - 30 * _DAY)
    if keys:
        found.append((2, f"a key that had been replaced is used again ({len(keys)} times in 30 days)"))
    boots = _returns(history.boots, since=now - _DAY)
    if len(boots) >= 2:
        found.append((2, f"the time of its last boot goes back and forth ({len(boots)} times in a day)"))
    clashes = [each for each in history.clashes if each.at >= now - _DAY]
    if clashes:
        where = ", ".join(dict.fromkeys(each.value for each in clashes))
        text = f"{len(clashes)} sessions went on at {where} while a newer one was open elsewhere"
        found.append((min(len(clashes), 2), text))
    addresses = _returns(history.addresses, since=now - _HOUR)
    if len(addresses) >= 3:
        where = " and ".join(dict.fromkeys(each.value for each in addresses))
        found.append((1, f"{where} take turns ({len(addresses)} times in an hour)"))
    return found


def is_clone(found: Sequence[tuple[int, str]]) -> bool:
    """Tell whether the evidence is enough."""
    return sum(weight for weight, _ in found) >= ENOUGH
