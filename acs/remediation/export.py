"""A case as a document for others: JSON with a stable schema, or one HTML page that needs nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Connection

from acs import devices as dev
from acs.errors import AcsError
from acs.pages import render_page
from acs.remediation.cases import find_case
from acs.remediation.timeline import Entry, timeline

__all__ = ["SCHEMA", "CaseContent", "CaseExport", "export_case", "export_html", "export_json"]

SCHEMA = "femto-acs/case/1"
"""The schema of the JSON. Members may be added; one that goes or changes its meaning makes it ``/2``."""


class ExportedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Whose case it is, as it is known at the time of the export."""

    device_key: str
    oui: str
    serial_number: str
    product_class: str
    software_version: str
    hardware_version: str
    admission: str


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the device sent for the case; ``size`` in bytes."""

    file: str
    command_key: str
    sha256: str
    size: int
    received_at: float


class CaseContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the digest of an export is of; the same case gives the same content, whoever exports it."""

    case_id: int
    kind: str
    procedure: str
    state: str
    outcome: str
    because: str
    opened_because: str
    playbook: str
    playbook_version: str
    policy_version: str
    opened_at: float
    closed_at: float | None
    device: ExportedDevice
    files: list[ExportedFile]
    timeline: list[Entry]


class CaseExport(msgspec.Struct, frozen=True, kw_only=True):
    """An export. ``sha256`` is that of ``content`` as compact JSON with sorted members, in UTF-8.

    It finds a copy that was damaged or two that differ; who can write the file can write the digest as well.
    """

    schema: str
    exported_at: float
    exported_by: str
    sha256: str
    content: CaseContent


def digest(content: Any) -> str:
    """Return the SHA-256 of a content, in hex."""
    return hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(content), order="sorted")).hexdigest()


def export_case(conn: Connection, case_id: int, *, who: str, now: float) -> CaseExport:
    """Return a case for others. Raises ``AcsError`` when there is no such case."""
    case = find_case(conn, case_id)
    if case is None:
        raise AcsError(f"there is no case {case_id}; see: acs cases list")
    device = dev.get(conn, case.device_id)
    entries = timeline(conn, case_id)
    named = {name: str(getattr(device, name) or "") for name in ExportedDevice.__struct_fields__}
    content = CaseContent(
        case_id=case.id,
        kind=case.kind,
        procedure=case.procedure,
        state=case.state,
        outcome=case.outcome or "",
        because=case.because,
        opened_because=next(each.because for each in entries if each.kind == "opened"),
        playbook=case.playbook,
        playbook_version=case.playbook_version,
        policy_version=case.policy_version,
        opened_at=case.opened_at,
        closed_at=case.closed_at,
        device=ExportedDevice(**named),
        files=[_file(each) for each in entries if each.kind == "file" and each.sha256],
        timeline=entries,
    )
    return CaseExport(
        schema=SCHEMA, exported_at=now, exported_by=who, sha256=digest(content), content=content
    )


def _file(entry: Entry) -> ExportedFile:
    return ExportedFile(
        file=entry.what,
        command_key=entry.command_key,
        sha256=entry.sha256,
        size=entry.size or 0,
        received_at=entry.at,
    )


def export_json(export: CaseExport) -> bytes:
    """Return an export as JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(export)) + b"\n"


def export_html(export: CaseExport) -> bytes:
    """Return an export as one HTML page."""
    return render_page("acs.remediation", "case_report", export=export, case=export.content)
