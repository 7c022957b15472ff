"""Distress channels (S1 5.7.3.1): paths, the signed trigger, and what may be done over them."""

from acs.distress.calls import CALLS_IN_VAIN, call_in_vain
from acs.distress.channel import (
    DISTRESS,
    EMERGENCY,
    INITIAL,
    STANDARD,
    Channel,
    filter_of,
    listener_of,
    may_ask,
    may_send,
    path_told,
)
from acs.distress.paths import KINDS, METHODS, Path, add_path, parse_template, paths_of, remove_path
from acs.distress.sequences import reserve_number
from acs.distress.trigger import (
    WINDOW,
    Trigger,
    TriggerError,
    TriggerMemory,
    build_trigger,
    parse_query,
    parse_trigger,
)
from acs.distress.triggers import (
    CLAIM,
    DueTrigger,
    claim_triggers,
    due_triggers,
    last_result,
    prune_triggers,
    request_trigger,
    trigger_sent,
)

__all__ = [
    "CALLS_IN_VAIN",
    "CLAIM",
    "DISTRESS",
    "EMERGENCY",
    "INITIAL",
    "KINDS",
    "METHODS",
    "STANDARD",
    "WINDOW",
    "Channel",
    "DueTrigger",
    "Path",
    "Trigger",
    "TriggerError",
    "TriggerMemory",
    "add_path",
    "build_trigger",
    "call_in_vain",
    "claim_triggers",
    "due_triggers",
    "filter_of",
    "last_result",
    "listener_of",
    "may_ask",
    "may_send",
    "parse_query",
    "parse_template",
    "parse_trigger",
    "path_told",
    "paths_of",
    "prune_triggers",
    "remove_path",
    "request_trigger",
    "reserve_number",
    "trigger_sent",
]
