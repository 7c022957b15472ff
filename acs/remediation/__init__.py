"""Remediation: what is done about a security alarm, as policy, cases and playbooks (S1 5.7.2)."""

from acs.remediation.advance import advance, begin_put_off, due_cases
from acs.remediation.cases import Case, Step, active_case, case_kinds, find_case, journal_of, list_cases
from acs.remediation.choices import INSTRUCTIONS, Instruction, choices
from acs.remediation.closing import left_behind
from acs.remediation.dry_run import Assumed, DryStep, dry_run
from acs.remediation.emergency import (
    emergency_expected,
    emergency_informed,
    emergency_over,
    image_requested,
    is_emergency,
    registered_elsewhere,
)
from acs.remediation.engine import Engine
from acs.remediation.environment import Environment, missing_playbooks
from acs.remediation.export import CaseExport, export_case, export_html, export_json
from acs.remediation.instructions import block, instruct, reach, unblock, undo
from acs.remediation.measures import occasions_of, wanted_measures
from acs.remediation.policy import (
    Decision,
    Policy,
    classify,
    default_policy_text,
    load_policy,
    parse_policy,
)
from acs.remediation.put_off import put_off_cases, waiting_cases
from acs.remediation.reactions import (
    alarms_changed,
    apply_declared,
    begin_runs,
    command_withdrawn,
    commands_settled,
    device_informed,
    open_case_alarms,
    run_playbook,
)
from acs.remediation.retention import prune_cases
from acs.remediation.safety.slots import give_out, in_line, look_again_at
from acs.remediation.scripts import Library, Script, due_runs, find_script, load_library
from acs.remediation.scripts.graph import graph
from acs.remediation.scripts.guard import FAILURES
from acs.remediation.scripts.load import where as script_line
from acs.remediation.timeline import Entry, timeline

__all__ = [
    "FAILURES",
    "INSTRUCTIONS",
    "Assumed",
    "Case",
    "CaseExport",
    "Decision",
    "DryStep",
    "Engine",
    "Entry",
    "Environment",
    "Instruction",
    "Library",
    "Policy",
    "Script",
    "Step",
    "active_case",
    "advance",
    "alarms_changed",
    "apply_declared",
    "begin_put_off",
    "begin_runs",
    "block",
    "case_kinds",
    "choices",
    "classify",
    "command_withdrawn",
    "commands_settled",
    "default_policy_text",
    "device_informed",
    "dry_run",
    "due_cases",
    "due_runs",
    "emergency_expected",
    "emergency_informed",
    "emergency_over",
    "export_case",
    "export_html",
    "export_json",
    "find_case",
    "find_script",
    "give_out",
    "graph",
    "image_requested",
    "in_line",
    "instruct",
    "is_emergency",
    "journal_of",
    "left_behind",
    "list_cases",
    "load_library",
    "load_policy",
    "look_again_at",
    "missing_playbooks",
    "occasions_of",
    "open_case_alarms",
    "parse_policy",
    "prune_cases",
    "put_off_cases",
    "reach",
    "registered_elsewhere",
    "run_playbook",
    "script_line",
    "timeline",
    "unblock",
    "undo",
    "waiting_cases",
    "wanted_measures",
]
