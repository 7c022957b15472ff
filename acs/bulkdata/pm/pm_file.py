"""The dialect ``PmFile`` of Chinese small cells: names and values in lists of their own."""

from __future__ import annotations

from collections.abc import Mapping

from acs.bulkdata.pm.document import PmLimits
from acs.bulkdata.pm.group import Group
from acs.bulkdata.pm.values import moment
from acs.bulkdata.report import Batch

__all__ = ["PmDialect"]


class PmDialect:
    """Makes reports of ``Measurements`` elements; the header's times are those of all of them.

    ``N i=`` names a measurement, ``V i=`` is its value; ``CV i=`` holds pairs of ``SN`` and ``SV`` instead,
    which have names of their own.
    """

    def __init__(self, batch: Batch, now: float, limits: PmLimits) -> None:
        self._batch, self._now, self._limits = batch, now, limits
        self._group = Group("", batch, limits)
        self._begin: float | None = None
        self._at: float | None = None
        self._object = ""
        self._position = ""
        self._part = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take attributes: positions and the distinguished name of the object."""
        match name:
            case "Measurements":
                self._group = Group("", self._batch, self._limits)
            case "Pm":
                self._object = attributes.get("Dn", "")
            case "N" | "V" | "CV":
                self._position = attributes.get("i", "")
                self._part = ""

    def end(self, name: str, text: str) -> None:
        """Take texts."""
        match name:
            case "BeginTime":
                self._begin = moment(text, self._now)
            case "EndTime":
                self._at = moment(text, self._now)
            case "ObjectType":
                self._group.source = text
            case "Measurements":
                self._group.close(self._at, self._period())
            case _:
                self._measurement(name, text)

    def _measurement(self, name: str, text: str) -> None:
        match name:
            case "N":
                self._group.name(self._position, text)
            case "V":
                self._group.value(self._object, self._position, text)
            case "SN":
                self._part = text
            case "SV" if self._part:
                self._group.named(self._object, self._part, text)

    def _period(self) -> float | None:
        """Return how long was measured, in seconds; None where the header does not tell."""
        if self._begin is None or self._at is None or self._at <= self._begin:
            return None
        return self._at - self._begin
