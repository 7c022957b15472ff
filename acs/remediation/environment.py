"""What remediation is given from outside: the policy in force and how a file's URL is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acs.errors import AcsError
from acs.remediation.policy import Policy

__all__ = ["Environment"]


def _no_uploads(_device_id: int, _file_type: str, _command_key: str, _now: float) -> str:
    raise AcsError("no files of devices are taken in here")


@dataclass(frozen=True, slots=True)
class Environment:
    """``file_url(device_id, name, now)`` returns an expiring URL that only this device can use.

    ``upload_url(device_id, file_type, command_key, now)`` returns one to which this device can send one file;
    it raises ``AcsError`` where that would be too long for an Upload.

    ``system_dn`` names this HeMS in alarms that it detects itself and in notifications.
    """

    policy: Policy
    file_url: Callable[[int, str, float], str]
    upload_url: Callable[[int, str, str, float], str] = _no_uploads
    system_dn: str = "DC=femto-acs,ManagementNode=HeMS"
