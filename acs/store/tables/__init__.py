"""The tables of the store, as SQLAlchemy Core metadata.

Times are seconds since the epoch, UTC, as double precision. JSON is kept as text that msgspec wrote.
Secrets are sealed before they reach a column (``*_sealed``).

A room's tables stand in the module of its name.
"""

from __future__ import annotations

from acs.store.tables.admission import admission_rules, refusals
from acs.store.tables.alarms import alarm_events, alarms
from acs.store.tables.audit import audit, audit_checkpoints
from acs.store.tables.base import Id, metadata
from acs.store.tables.bulk import bulk_layouts, bulk_profiles, bulk_reports, bulk_usage
from acs.store.tables.commands import command_is_open, command_parts, commands
from acs.store.tables.declared import (
    config_requests,
    config_secrets,
    config_writes,
    device_tags,
    layer_history,
    layers,
    site_values,
)
from acs.store.tables.detection import detections, sightings
from acs.store.tables.devices import devices, parameters
from acs.store.tables.distress import distress_paths, distress_sequences, distress_triggers
from acs.store.tables.files import files
from acs.store.tables.holding import holds, inhibitions, silences
from acs.store.tables.measures import measure_targets, measures
from acs.store.tables.models import data_models, discovered, discoveries
from acs.store.tables.northbound import api_certificates, api_tokens, users
from acs.store.tables.outbox import outbox
from acs.store.tables.playbooks import playbook_runs, playbook_sources
from acs.store.tables.remediation import approvals, case_is_open, cases, cases_put_off, journal, policies
from acs.store.tables.safety import safety_counted, safety_groups, safety_slots
from acs.store.tables.secrets import master_key, secret_rotations
from acs.store.tables.subscriptions import deliveries, delivery_groups, subscriptions
from acs.store.tables.traces import trace_requests, traces
from acs.store.tables.uploads import uploads, uploads_total

__all__ = [
    "Id",
    "admission_rules",
    "alarm_events",
    "alarms",
    "api_certificates",
    "api_tokens",
    "approvals",
    "audit",
    "audit_checkpoints",
    "bulk_layouts",
    "bulk_profiles",
    "bulk_reports",
    "bulk_usage",
    "case_is_open",
    "cases",
    "cases_put_off",
    "command_is_open",
    "command_parts",
    "commands",
    "config_requests",
    "config_secrets",
    "config_writes",
    "data_models",
    "deliveries",
    "delivery_groups",
    "detections",
    "device_tags",
    "devices",
    "discovered",
    "discoveries",
    "distress_paths",
    "distress_sequences",
    "distress_triggers",
    "files",
    "holds",
    "inhibitions",
    "journal",
    "layer_history",
    "layers",
    "master_key",
    "measure_targets",
    "measures",
    "metadata",
    "outbox",
    "parameters",
    "playbook_runs",
    "playbook_sources",
    "policies",
    "refusals",
    "safety_counted",
    "safety_groups",
    "safety_slots",
    "secret_rotations",
    "sightings",
    "silences",
    "site_values",
    "subscriptions",
    "trace_requests",
    "traces",
    "uploads",
    "uploads_total",
    "users",
]
