"""Performance measurement files of HeNBs: 3GPP TS 32.435 and its dialects, into the same time series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acs.bulkdata.pm.document import PmLimits, plain, read_document
from acs.bulkdata.pm.meas_collec import MeasCollec
from acs.bulkdata.pm.pm_file import PmDialect
from acs.bulkdata.report import Batch, BulkDataError

__all__ = ["SOURCE", "PmLimits", "parse_pm_file"]

SOURCE = "pm:"
"""The source of measurements in the time series begins so; the group's name follows."""
_ROOTS: dict[str, type[MeasCollec | PmDialect]] = {
    "measCollecFile": MeasCollec,
    "measDataFile": MeasCollec,
    "PmFile": PmDialect,
}


class _Root:
    """Looks at the first element and lets the dialect of that name do the rest."""

    def __init__(self, batch: Batch, now: float, limits: PmLimits) -> None:
        self._facts = (batch, now, limits)
        self.dialect: MeasCollec | PmDialect | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.dialect is None:
            kind = _ROOTS.get(name)
            if kind is None:
                known = ", ".join(_ROOTS)
                raise BulkDataError(f"the root {name[:40]!r} is that of no PM file; known are {known}")
            self.dialect = kind(*self._facts)
        self.dialect.start(name, attributes)

    def end(self, name: str, text: str) -> None:
        if self.dialect is not None:
            self.dialect.end(name, text)


def parse_pm_file(chunks: Iterable[bytes], *, now: float, limits: PmLimits | None = None) -> Batch:
    """Return the reports of a PM file, gzip or not, read piece by piece.

    Each group of measurements is a report with the end of its granularity period and that period's length;
    a sample is named ``<measured object>/<measurement>``, and suspect where the device says so. Raises
    ``BulkDataError`` that names what is wrong.
    """
    limits = PmLimits() if limits is None else limits
    batch = Batch(samples_left=limits.samples)
    root = _Root(batch, now, limits)
    read_document(plain(chunks, limit=limits.bytes), root, limits)
    if not batch.reports:
        raise BulkDataError(
            f"there is no measurement in the file{': ' if batch.repairs else ''}{'; '.join(batch.repairs)}"
        )
    return batch
