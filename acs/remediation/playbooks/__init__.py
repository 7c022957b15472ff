"""The procedures of S1 5.7.2 as plain coroutines over a ``CaseApi``.

``PLAYBOOKS`` names each in each version that running cases may have started with.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from acs.remediation.playbooks.configure import configuration
from acs.remediation.playbooks.diagnose import diagnose
from acs.remediation.playbooks.emergency import emergency
from acs.remediation.playbooks.fatal import fatal
from acs.remediation.playbooks.notify import notify
from acs.remediation.playbooks.parts import Result
from acs.remediation.playbooks.provisioning import provisioning
from acs.remediation.playbooks.reach import reach
from acs.remediation.playbooks.readmission import readmission
from acs.remediation.playbooks.reconfiguration import reconfiguration
from acs.remediation.playbooks.software_reload import software_reload

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi

__all__ = ["PLAYBOOKS", "PLAYBOOK_OF", "Playbook", "Result"]

Playbook = Callable[["CaseApi"], Coroutine[Any, Any, Result]]

PLAYBOOKS: dict[tuple[str, str], Playbook] = {
    ("notify", "1"): notify,
    ("reconfiguration", "1"): reconfiguration,
    ("software_reload", "1"): software_reload,
    ("fatal", "1"): fatal,
    ("diagnose", "1"): diagnose,
    ("emergency", "1"): emergency,
    ("reach", "1"): reach,
    ("readmission", "1"): readmission,
    ("provisioning", "1"): provisioning,
    ("configuration", "1"): configuration,
}
PLAYBOOK_OF = {
    "P1": "notify",
    "P2R": "reconfiguration",
    "P2S": "software_reload",
    "P3": "fatal",
    "DX": "diagnose",
    "EM": "emergency",
}
"""The playbook of each procedure."""
