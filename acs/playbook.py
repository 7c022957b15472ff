"""What a file of operators' playbooks imports: ``from acs.playbook import Case, Result, playbook``."""

from acs.cwmp.messages import ParameterValue
from acs.remediation.case_api import CaseApi as Case
from acs.remediation.playbooks.configure import reconfigure
from acs.remediation.playbooks.parts import (
    NoCommunication,
    Result,
    StepFailed,
    demand,
    diagnostic_test,
    download_image,
    tried,
    verify,
)
from acs.remediation.script_api import Approval, Cleared
from acs.remediation.scripts import playbook
from acs.remediation.steps import Outcome

__all__ = [
    "Approval",
    "Case",
    "Cleared",
    "NoCommunication",
    "Outcome",
    "ParameterValue",
    "Result",
    "StepFailed",
    "demand",
    "diagnostic_test",
    "download_image",
    "playbook",
    "reconfigure",
    "tried",
    "verify",
]
