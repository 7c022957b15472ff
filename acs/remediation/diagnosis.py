"""What follows from the report of a diagnostic test (S1 L28). Pure."""

from __future__ import annotations

from acs.detection import Report, parse_report
from acs.remediation.policy import Procedure

__all__ = ["Report", "decide", "parse_report"]


def decide(report: Report) -> tuple[Procedure, str]:
    """Return the procedure that a usable report calls for, and why."""
    for check, name in (("tre", "the trusted environment"), ("hw", "the hardware")):
        if report.failed(check):
            return "P3", f"the diagnostic test found {name} compromised"
    if report.failed("sw"):
        what = report.details.get("sw", "")
        return "P2S", "the diagnostic test found modified software" + (f": {what}" if what else "")
    for check, name in (("cfg", "configuration"), ("clk", "time source"), ("ant", "antenna")):
        if report.failed(check):
            detail = report.details.get(check, "")
            return "P2R", f"the diagnostic test failed on the {name}" + (f": {detail}" if detail else "")
    return "P1", "the diagnostic test found software and configuration intact"
