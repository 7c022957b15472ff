"""Declared state: what a device should be set to, in layers, and the RPCs that bring it there. Pure."""

from acs.declared.compare import differs
from acs.declared.document import (
    Entry,
    Layer,
    Table,
    alias_conflicts,
    layer_of_values,
    parse_layer,
    refuse_plain_secrets,
)
from acs.declared.drift import Deviation, deviations
from acs.declared.loops import Write, flapping
from acs.declared.plan import AddObject, DeleteObject, Plan, PlannedValue, Rules, SetValues, plan, rules_of
from acs.declared.resolve import Facts, Wanted, WantedRow, WantedTable, WantedValue, resolve, scope_rank

__all__ = [
    "AddObject",
    "DeleteObject",
    "Deviation",
    "Entry",
    "Facts",
    "Layer",
    "Plan",
    "PlannedValue",
    "Rules",
    "SetValues",
    "Table",
    "Wanted",
    "WantedRow",
    "WantedTable",
    "WantedValue",
    "Write",
    "alias_conflicts",
    "deviations",
    "differs",
    "flapping",
    "layer_of_values",
    "parse_layer",
    "plan",
    "refuse_plain_secrets",
    "resolve",
    "rules_of",
    "scope_rank",
]
