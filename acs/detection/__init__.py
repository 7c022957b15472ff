"""Detection (S1 5.7.1): what this HeMS finds about a device itself, whatever the device says."""

from acs.detection.checks import CHECKS, REPORTED, Check, Verdict
from acs.detection.memory import memory_of
from acs.detection.ours import setters_of
from acs.detection.outcome import Circumstances, Known, known_results
from acs.detection.report import Report, judge_report, parse_report
from acs.detection.silence import look_for_silence, note_sighting, silent_devices
from acs.detection.thresholds import Thresholds, threshold_problems
from acs.detection.unlocking import against_radiating, end_withholding, note_withheld, witnesses
from acs.detection.watching import (
    PURPOSE,
    accept,
    expect_software,
    informed,
    reads_settled,
    values_read,
)

__all__ = [
    "CHECKS",
    "PURPOSE",
    "REPORTED",
    "Check",
    "Circumstances",
    "Known",
    "Report",
    "Thresholds",
    "Verdict",
    "accept",
    "against_radiating",
    "end_withholding",
    "expect_software",
    "informed",
    "judge_report",
    "known_results",
    "look_for_silence",
    "memory_of",
    "note_sighting",
    "note_withheld",
    "parse_report",
    "reads_settled",
    "setters_of",
    "silent_devices",
    "threshold_problems",
    "values_read",
    "witnesses",
]
