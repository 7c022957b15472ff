"""A HeNB's lightweight notifications (TR-069 Annex M)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from acs.cwmp import messages as m
from acs.cwmp.lightweight import Notification, build_notification
from acs.errors import AcsError
from acs.simulator.connection import Device

__all__ = ["lightweight_notification"]


def lightweight_notification(device: Device, names: Sequence[str], now: float, *, host: str) -> bytes:
    """Return the datagram that tells these parameters as they are now.

    It is signed with the password that the device has for the ACS; ``AcsError`` where it has none.
    """
    access, identity = device.access, device.henb.device_id
    if not access.password:
        raise AcsError(f"{identity.serial_number} has no password to sign a notification with")
    tree = device.henb.tree
    values = tuple(m.ParameterValue(name, tree.value(name), "") for name in names)
    told = Notification(
        int(now),
        access.username,
        secrets.token_hex(8),
        identity.oui,
        identity.product_class,
        identity.serial_number,
        values,
    )
    return build_notification(told, access.password, host=host)
