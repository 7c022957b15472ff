"""Files after 3GPP TS 32.435, ``measCollecFile``, and its successor in TS 28.532, ``measDataFile``."""

from __future__ import annotations

from collections.abc import Mapping

from acs.bulkdata.pm.document import PmLimits
from acs.bulkdata.pm.group import Group
from acs.bulkdata.pm.values import moment, period
from acs.bulkdata.report import Batch, BulkDataError

__all__ = ["MeasCollec"]


class MeasCollec:
    """Makes reports of ``measInfo`` elements: one for each, as its granularity period is one."""

    def __init__(self, batch: Batch, now: float, limits: PmLimits) -> None:
        self._batch, self._now, self._limits = batch, now, limits
        self._group = Group("", batch, limits)
        self._element: str | None = None  # the first managed element; objects of others are named with it
        self._within = ""
        self._begun: float | None = None
        self._at: float | None = None
        self._period: float | None = None
        self._object = ""
        self._position = ""
        self._results: dict[str, str] = {}
        self._suspect = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take attributes, which hold most of what there is."""
        match name:
            case "managedElement":
                self._managed(attributes)
            case "measCollec":
                self._begun = moment(attributes.get("beginTime", ""), self._now) or self._begun
            case "measInfo":
                self._group = Group(attributes.get("measInfoId", ""), self._batch, self._limits)
                self._at = self._period = None
            case "granPeriod":
                self._measured(attributes)
            case "measValue":
                self._object = self._within + attributes.get("measObjLdn", "")
                self._results, self._suspect = {}, False
            case "measType" | "r":
                self._position = attributes.get("p", "")

    def _managed(self, attributes: Mapping[str, str]) -> None:
        """Note whose measurements follow: in a file of several elements, objects have their names each."""
        name = attributes.get("localDn") or attributes.get("userLabel", "")
        self._element = name if self._element is None else self._element
        self._within = f"{name}," if name != self._element else ""

    def _measured(self, attributes: Mapping[str, str]) -> None:
        """Note the granularity period; one without an end began with the file."""
        self._at = moment(attributes.get("endTime", ""), self._now)
        self._period = period(attributes.get("duration", ""))
        if "endTime" not in attributes and self._begun is not None and self._period is not None:
            self._at = self._begun + self._period

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
                self._result(text)
            case "suspect":
                self._suspect = text.lower() in ("true", "1")
            case "measValue":
                for position, each in self._results.items():
                    self._group.value(self._object, position, each, suspect=self._suspect)
            case "measInfo":
                self._group.close(self._at, self._period)

    def _result(self, text: str) -> None:
        if len(self._results) >= self._limits.columns and self._position not in self._results:
            raise BulkDataError(f"more than {self._limits.columns} results of one object", status=413)
        self._results[self._position] = text
