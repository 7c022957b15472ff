"""A group of measurements of one period: names by position, values by object."""

from __future__ import annotations

from acs.bulkdata.pm.document import PmLimits
from acs.bulkdata.pm.values import measured
from acs.bulkdata.report import Batch, BulkDataError, Report, Sample

__all__ = ["Group"]

_NAME = 256  # characters of object and measurement together
_VALUE = 1024


class Group:
    """Collects the samples of one report. Raises ``BulkDataError`` beyond the limits."""

    def __init__(self, source: str, batch: Batch, limits: PmLimits) -> None:
        self.source = source
        self._batch, self._limits = batch, limits
        self._names: dict[str, str] = {}
        self._samples: dict[str, Sample] = {}

    def name(self, position: str, name: str) -> None:
        """Note which measurement stands at a position."""
        if len(self._names) >= self._limits.columns:
            raise BulkDataError(f"more than {self._limits.columns} measurements in one group", status=413)
        self._names.setdefault(position, name)

    def value(self, measured_object: str, position: str, text: str, *, suspect: bool = False) -> None:
        """Take the result at a position."""
        name = self._names.get(position)
        if not name:
            self._batch.note(
                f"a result at position {position[:20]!r} of {self.source or 'a group'} has no name"
            )
            return
        self.named(measured_object, name, text, suspect=suspect)

    def named(self, measured_object: str, name: str, text: str, *, suspect: bool = False) -> None:
        """Take the result of a measurement; its name is ``<object>/<measurement>``."""
        if len(measured_object) + bool(measured_object) + len(name) > _NAME or len(text) > _VALUE:
            # Not even put together: an object's name may have megabytes, and as many results.
            self._batch.note(f"{measured_object[:60]}/{name[:60]} or its value is too long and was left out")
            return
        full = f"{measured_object}/{name}" if measured_object else name
        if full in self._samples:
            self._batch.note(f"{full} stands there twice; the first is kept")
        elif self._batch.samples_left <= 0:
            raise BulkDataError(f"more than {self._limits.samples} results", status=413)
        else:
            self._batch.samples_left -= 1
            self._samples[full] = Sample(full, measured(text), suspect=suspect)

    def close(self, at: float | None, period: float | None) -> None:
        """Make a report of it."""
        if not self._samples:
            return
        if len(self._batch.reports) >= self._limits.reports:
            raise BulkDataError(f"more than {self._limits.reports} groups", status=413)
        if at is None:
            self._batch.note(f"{self.source[:60] or 'a group'} has no end time that can be true")
        samples = tuple(self._samples.values())
        self._batch.reports.append(Report(at, samples, period, self.source[:64]))
