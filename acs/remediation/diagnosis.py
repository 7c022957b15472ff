"""Reading the report of a diagnostic test, and what follows from it (S1 L28). Pure.

The report stands in ``SelfTestDiagnostics.Results`` (at most 1024 characters), for example
``v=1;test=SEC;sw=FAIL:comp1|comp2;cfg=OK;clk=OK:+3ppm;ant=OK;case=OPEN;hw=OK;tre=OK``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from acs.remediation.policy import Procedure

__all__ = ["CHECKS", "Report", "decide", "parse_report"]

CHECKS = ("sw", "cfg", "clk", "ant", "case", "hw", "tre")


@dataclass(frozen=True, slots=True)
class Report:
    """The result of each check, ``OK``, ``FAIL``, ``OPEN`` or empty, and its detail."""

    results: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def failed(self, check: str) -> bool:
        """Whether the check was made and failed."""
        return self.results.get(check) == "FAIL"

    @property
    def usable(self) -> bool:
        """Whether it tells anything about software or configuration."""
        return "sw" in self.results or "cfg" in self.results

    @property
    def clean(self) -> bool:
        """Whether it is usable and nothing in it failed; an open case alone is no failure."""
        return self.usable and not any(self.failed(check) for check in CHECKS)


def parse_report(text: str) -> Report:
    """Parse a report; what is not understood is left out, never guessed."""
    results: dict[str, str] = {}
    details: dict[str, str] = {}
    for part in text[:1024].split(";"):
        name, separator, value = part.strip().partition("=")
        name = name.strip().lower()
        verdict, _, detail = value.strip().partition(":")
        verdict = verdict.strip().upper()
        if separator and name in CHECKS and verdict in ("OK", "FAIL", "OPEN"):
            results[name] = verdict
            if detail.strip():
                details[name] = detail.strip()
    return Report(results, details)


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
