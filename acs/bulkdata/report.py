"""What a bulk data report is once it is read, and how much of it is taken (TR-069 Annex N)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Batch", "BulkDataError", "Limits", "Report", "Sample", "Value", "compact"]

Value = int | float | bool | str | None
_INT64 = range(-(2**63), 2**64)  # what msgpack holds


class BulkDataError(Exception):
    """A report can't be taken. ``status`` is the HTTP status, the text names what is wrong and where."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one message may hold; sizes in bytes after decompression, lengths in characters."""

    bytes: int = 4 * 1024 * 1024
    reports: int = 1000
    parameters: int = 10_000
    """In one report."""
    samples: int = 200_000
    """In all reports of a message."""
    depth: int = 32
    name: int = 256
    value: int = 16 * 1024
    columns: int = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one parameter; ``kind`` is the declared type, empty where the encoding tells none.

    ``suspect``: the device itself doubts the value (TS 32.435 ``suspect``).
    """

    name: str
    value: Value
    kind: str = ""
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The values collected at one moment.

    ``collected_at`` is in seconds since the epoch; None where the device told no time that can be true.
    ``period``: the seconds over which a measurement was taken, None for momentary values.
    """

    collected_at: float | None
    samples: tuple[Sample, ...]
    period: float | None = None
    source: str = ""


@dataclass(slots=True)
class Batch:
    """What one message held: its reports, the oldest first, and what had to be repaired or left out."""

    reports: list[Report] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    samples_left: int = 0
    """How many more may be taken, for readers that count so."""

    @property
    def samples(self) -> int:
        """The number of values in all reports."""
        return sum(len(report.samples) for report in self.reports)

    def note(self, text: str) -> None:
        """Take down a repair; a thousand of a kind are told by the first few."""
        if len(self.repairs) < 10:
            self.repairs.append(text[:200])


def compact(text: str) -> Value:
    """Return a number where ``text`` is its plain spelling, else the text: nothing of it is lost."""
    if len(text) <= 20 and text.removeprefix("-").isdecimal() and text.isascii():
        number = int(text)
        if str(number) == text and number in _INT64:
            return number
    return text


def storable(value: Value) -> Value:
    """Return a number that is too large for 64 bits as text."""
    return str(value) if isinstance(value, int) and value not in _INT64 else value
