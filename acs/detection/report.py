"""Reading the report of a diagnostic test (S1 L28), and C-21: what it tells of the device. Pure.

The report stands in ``SelfTestDiagnostics.Results`` (at most 1024 characters), for example
``v=1;test=SEC;sw=FAIL:comp1|comp2;cfg=OK;clk=OK:+3ppm;ant=OK;case=OPEN;hw=OK;tre=OK``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from acs.detection.checks import REPORTED, Verdict

__all__ = ["PARTS", "Report", "judge_report", "parse_report"]

PARTS = ("sw", "cfg", "clk", "ant", "case", "hw", "tre")


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
        return self.usable and not any(self.failed(check) for check in PARTS)


def parse_report(text: str) -> Report:
    """Parse a report; what is not understood is left out, never guessed."""
    results: dict[str, str] = {}
    details: dict[str, str] = {}
    for part in text[:1024].split(";"):
        name, separator, value = part.strip().partition("=")
        name = name.strip().lower()
        verdict, _, detail = value.strip().partition(":")
        verdict = verdict.strip().upper()
        if separator and name in PARTS and verdict in ("OK", "FAIL", "OPEN"):
            results[name] = verdict
            if detail.strip():
                details[name] = detail.strip()
    return Report(results, details)


def judge_report(report: Report) -> Verdict:
    """Judge a diagnostic test by the gravest of what it found. An open case alone is C-10's to judge."""
    if not report.usable:
        return Verdict("C-21", "unknown", "the device gave no usable report")
    failed = [part for part in REPORTED if report.failed(part)]
    if not failed:
        return Verdict("C-21", "ok", "", dict(report.results))
    told = ", ".join(
        f"{part}: {report.details[part][:60]}" if part in report.details else part for part in failed
    )
    text = f"its diagnostic test fails without an alarm of its own: {told}"
    return Verdict("C-21", "found", text, dict(report.results), REPORTED[failed[0]])
