"""The operators' own playbooks: files of a folder, checked, loaded, kept by version, run on request."""

from acs.remediation.scripts.declare import playbook
from acs.remediation.scripts.library import Library, find_script, keep_source, load_library
from acs.remediation.scripts.load import Script, load_scripts, where
from acs.remediation.scripts.runs import due_runs, request_run
from acs.remediation.scripts.source import Bundle, read_folder

__all__ = [
    "Bundle",
    "Library",
    "Script",
    "due_runs",
    "find_script",
    "keep_source",
    "load_library",
    "load_scripts",
    "playbook",
    "read_folder",
    "request_run",
    "where",
]
