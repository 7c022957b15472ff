"""Files after 3GPP TS 32.435, ``measCollecFile``, and its successor in TS 28.532, ``measDataFile``."""

from __future__ import annotations

from collections.abc import Mapping

from acs.bulkdata.pm.document import PmLimits
from acs.bulkdata.pm.group import Group
from acs.bulkdata.pm.values import moment, period
from acs.bulkdata.report import Batch

__all__ = ["MeasCollec"]


class MeasCollec:
    """Makes reports of ``measInfo`` elements: one for each, as its granularity period is one."""

    def __init__(self, batch: Batch, now: float, limits: PmLimits) -> None:
        self._batch, self._now, self._limits = batch, now, limits
        self._group = Group("", batch, limits)
        self._at: float | None = None
        self._period: float | None = None
        self._object = ""
        self._position = ""
        self._results: dict[str, str] = {}
        self._suspect = False
        self.facts: dict[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take attributes, which hold most of what there is."""
        match name:
            case "fileHeader" | "fileSender" | "managedElement":
                for key in ("fileFormatVersion", "vendorName", "swVersion"):
                    if attributes.get(key):
                        self.facts[key] = attributes[key][:128]
            case "measInfo":
                self._group = Group(attributes.get("measInfoId", ""), self._batch, self._limits)
                self._at = self._period = None
            case "granPeriod":
                self._at = moment(attributes.get("endTime", ""), self._now)
                self._period = period(attributes.get("duration", ""))
            case "measValue":
                self._object = attributes.get("measObjLdn", "")
                self._results, self._suspect = {}, False
            case "measType" | "r":
                self._position = attributes.get("p", "")

    def end(self, name: str, text: str) -> None:
        """Take texts; a ``measValue`` is complete with all of its results."""
        match name:
            case "measTypes":  # the short form: names in one list, results in another
                for number, each in enumerate(text.split(), 1):
                    self._group.name(str(number), each)
            case "measType":
                self._group.name(self._position, text)
            case "measResults":
                self._results |= {str(number): each for number, each in enumerate(text.split(), 1)}
            case "r":
                self._results[self._position] = text
            case "suspect":
                self._suspect = text.lower() in ("true", "1")
            case "measValue":
                for position, each in self._results.items():
                    self._group.value(self._object, position, each, suspect=self._suspect)
            case "measInfo":
                self._group.close(self._at, self._period)
