"""What remediation is given from outside: the policy in force and how a file's URL is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from acs.detection import Circumstances
from acs.distress import Path
from acs.errors import AcsError
from acs.remediation.policy import Policy, playbooks_of
from acs.remediation.scripts import Library

__all__ = ["Environment", "missing_playbooks"]


def _no_uploads(_device_id: int, _file_type: str, _command_key: str, _now: float) -> str:
    raise AcsError("no files of devices are taken in here")


@dataclass(frozen=True, slots=True)
class Environment:
    """``file_url(device_id, name, now)`` returns an expiring URL that only this device can use.

    ``distress_file_url`` does the same for a device that came over a distress channel: what it is to download
    is there where it can go. None: ``file_url`` does.

    ``upload_url(device_id, file_type, command_key, now)`` returns one to which this device can send one file;
    it raises ``AcsError`` where that would be too long for an Upload.

    ``distress_paths`` are the distress channels of devices that have none of their own.

    ``roles``: what this HeMS is to HeNBs: initial, serving, emergency.

    ``system_dn`` names this HeMS in alarms that it detects itself and in notifications.

    ``library`` holds the operators' playbooks.
    """

    policy: Policy
    file_url: Callable[[int, str, float], str]
    upload_url: Callable[[int, str, str, float], str] = _no_uploads
    distress_file_url: Callable[[int, str, float], str] | None = None
    distress_paths: tuple[Path, ...] = ()
    roles: frozenset[str] = frozenset({"serving"})
    system_dn: str = "DC=femto-acs,ManagementNode=HeMS"
    library: Library = field(default_factory=Library)

    def detection(self, now: float) -> Circumstances:
        """Return what detection goes by now."""
        return Circumstances(self.policy.detection, self.policy.version, f"HeMS:{self.system_dn}", now)


def missing_playbooks(policy: Policy, library: Library) -> list[str]:
    """Return a sentence for each playbook that the policy names and the library does not have."""
    return [
        f"the policy {policy.name} names playbook:{name}, which is not there or has problems"
        for name in playbooks_of(policy)
        if name not in library.scripts
    ]
