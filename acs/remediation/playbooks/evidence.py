"""Logs and configuration of a device, fetched before a ladder overwrites them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acs.remediation.case_api import CaseApi

__all__ = ["FILE_TYPES", "collect_evidence"]

FILE_TYPES = {"logs": "2 Vendor Log File", "configuration": "1 Vendor Configuration File"}
"""The FileType of each kind of evidence (TR-069 A.4.1.5), in the form that needs no instance number."""
_NOT_SUPPORTED = 9000
_WHY = "what the device holds now is evidence, and the ladder overwrites it"


async def collect_evidence(case: CaseApi, procedure: str) -> None:
    """Fetch what the policy wants of a device that begins this procedure, once in a case.

    Whatever comes of it, the remediation goes on: a device in wrong hands may refuse, send nothing, or send
    what it likes. One that does not react is not asked for the next file.
    """
    wanted = case.policy.evidence
    if not wanted.files or procedure not in wanted.procedures or case.evidence_taken:
        return
    case.evidence_taken = True
    if not await case.admitted():
        return
    for kind in dict.fromkeys(wanted.files):
        outcome = await case.upload(FILE_TYPES[kind], because=_WHY, timeout=wanted.timeout)
        if outcome.silent or outcome.fault_code == _NOT_SUPPORTED:
            break
    found = await case.received_files(because="what was sent is kept with the case")
    for each in found:
        told = f"evidence: {each['kind']}, {each['size']} bytes, SHA-256 {each['sha256']}"
        await case.note(told, because=_WHY)
    if not found:
        await case.note("no evidence came", because="the remediation goes on without it")
