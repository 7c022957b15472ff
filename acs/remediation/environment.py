"""What remediation is given from outside: the policy in force and how a file's URL is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acs.remediation.policy import Policy

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """``file_url(device_id, name, now)`` returns an expiring URL that only this device can use.

    ``system_dn`` names this HeMS in alarms that it detects itself and in notifications.
    """

    policy: Policy
    file_url: Callable[[int, str, float], str]
    system_dn: str = "DC=femto-acs,ManagementNode=HeMS"
