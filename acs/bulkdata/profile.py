"""What devices are to report by themselves, and which requests make them, in which order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

from acs.bulkdata.csv_report import Dialect
from acs.bulkdata.parse import REPORT_FORMATS
from acs.bulkdata.report import BulkDataError
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["BULK_DATA", "PmUpload", "ProfileSettings"]

BULK_DATA = "Device.BulkData."
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_MOST = 64  # references; each is an AddObject


class ProfileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bulkdata"):
    """What a device is to report, how often (seconds) and where.

    ``references`` are parameters, or objects that end with a dot; ``*`` stands for any instance.
    ``retained``: how many reports that failed it keeps for the next time, -1 as many as it can.
    """

    name: str
    references: tuple[str, ...]
    url: str
    username: str
    interval: int = 300
    report_format: Literal["ObjectHierarchy", "NameValuePair", "ParameterPerRow", "ParameterPerColumn"] = (
        "NameValuePair"
    )
    compression: Literal["None", "GZIP"] = "GZIP"
    retained: int = 10
    separators: tuple[str, str, str] = (",", "\r\n", '"')
    """Of CSV: FieldSeparator, RowSeparator, EscapeCharacter."""

    @property
    def dialect(self) -> Dialect:
        """How its CSV is to be read. Raises ``BulkDataError`` where the separators can't be told apart."""
        field, row, escape = self.separators
        # XML parsers change line breaks on their way to the device.
        return Dialect(field, "" if row in ("\r\n", "\n", "\r") else row, escape)

    table: ClassVar[str] = f"{BULK_DATA}Profile."
    single: ClassVar[bool] = False

    def check(self) -> None:
        """Raise ``AcsError`` naming the field that no device would take."""
        if not 0 < len(self.name) <= 64 or not _ALLOWED.issuperset(self.name):
            raise AcsError(f"the profile's name {self.name!r} has other than 1 to 64 letters, digits, '_.-'")
        if not 0 < len(self.references) <= _MOST:
            raise AcsError(f"{len(self.references)} references; 1 to {_MOST} are possible")
        for reference in self.references:
            if not reference.startswith("Device.") or len(reference) > 256:
                raise AcsError(f"the reference {reference[:100]!r} is no path below Device.")
        if not 1 <= self.interval <= 2**32 - 1:
            raise AcsError(f"the interval {self.interval} is not 1 s or more")
        if self.retained < -1:
            raise AcsError(f"{self.retained} reports can't be retained; -1 is as many as possible")
        try:
            _ = self.dialect
        except BulkDataError as error:
            raise AcsError(str(error)) from error
        if not self.url.startswith(("https://", "http://")) or len(self.url) > 2048:
            raise AcsError(f"the URL {self.url[:100]!r} does not begin with https:// or http://")

    def next_request(self, instance: int | None, rows: Sequence[int], parameter_key: str) -> m.Message:
        """Return the next request: AddObject for what is not there, then one SetParameterValues with all.

        ``instance`` is the profile's number once it is known, ``rows`` are those of its Parameter table. The
        SetParameterValues is all or nothing (TR-069 A.3.2.1), so the device never reports half a profile.
        ``parameter_key`` is the one that the device has: what else it was configured for has not changed.
        """
        if instance is None:
            return m.AddObject(self.table, parameter_key)
        if len(rows) < len(self.references):
            return m.AddObject(f"{self.table}{instance}.Parameter.", parameter_key)
        return m.SetParameterValues(tuple(_values(self, f"{self.table}{instance}.", rows)), parameter_key)

    def removal(self, instance: int | None, parameter_key: str) -> m.Message:
        """Return the request that ends it."""
        assert instance is not None  # before it was made nothing is to be removed
        return m.DeleteObject(f"{self.table}{instance}.", parameter_key)


class PmUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pm"):
    """Have a HeNB upload a PM file every ``interval`` seconds.

    ``table``: ``<root>FAP.PerfMgmt.Config.`` (TR-262), in which a row is made, or the object
    ``<service>PerfMgmt.FileMgmt.`` (TR-196 Issue 1), of which there is one.
    """

    url: str
    interval: int = 900
    name: str = "pm"
    table: str = "Device.FAP.PerfMgmt.Config."

    @property
    def single(self) -> bool:
        """Whether there is one object, which is there already."""
        return not self.table.endswith(".Config.")

    def check(self) -> None:
        """Raise ``AcsError`` naming the field that no device would take."""
        if not self.url.startswith(("https://", "http://")) or len(self.url) > 256:
            raise AcsError(f"the URL {self.url[:100]!r} is none of at most 256 characters")
        if not 1 <= self.interval <= 2**32 - 1:
            raise AcsError(f"the interval {self.interval} is not 1 s or more")

    def next_request(self, instance: int | None, rows: Sequence[int], parameter_key: str) -> m.Message:
        """Return AddObject where a row is to be made, then SetParameterValues."""
        del rows
        if instance is None and not self.single:
            return m.AddObject(self.table, parameter_key)
        base = self.table if self.single else f"{self.table}{instance}."
        values = (
            m.ParameterValue(f"{base}URL", self.url),
            m.ParameterValue(f"{base}PeriodicUploadInterval", str(self.interval), "xsd:unsignedInt"),
            m.ParameterValue(f"{base}{self._enable}", "1", "xsd:boolean"),
        )
        return m.SetParameterValues(values, parameter_key)

    def removal(self, instance: int | None, parameter_key: str) -> m.Message:
        """Return the request that ends it."""
        if self.single:
            off = m.ParameterValue(f"{self.table}{self._enable}", "0", "xsd:boolean")
            return m.SetParameterValues((off,), parameter_key)
        return m.DeleteObject(f"{self.table}{instance}.", parameter_key)

    @property
    def _enable(self) -> str:
        return "PeriodicUploadEnable" if self.single else "Enable"


def _values(settings: ProfileSettings, base: str, rows: Sequence[int]) -> list[m.ParameterValue]:
    json = REPORT_FORMATS[settings.report_format] == "JSON"
    encoding, time = ("JSONEncoding", "ReportTimestamp") if json else ("CSVEncoding", "RowTimestamp")
    texts = {
        "Name": settings.name,
        "Protocol": "HTTP",
        "EncodingType": "JSON" if json else "CSV",
        f"{encoding}.ReportFormat": settings.report_format,
        f"{encoding}.{time}": "Unix-Epoch",
        "HTTP.URL": settings.url,
        "HTTP.Username": settings.username,
        "HTTP.Password": m.BULK_DATA_PASSWORD,
        "HTTP.Compression": settings.compression,
        "HTTP.Method": "POST",
    }
    if not json:
        names = ("FieldSeparator", "RowSeparator", "EscapeCharacter")
        texts |= {f"{encoding}.{name}": text for name, text in zip(names, settings.separators, strict=True)}
    values = [m.ParameterValue(base + name, value) for name, value in texts.items()]
    for position, row in enumerate(rows):  # rows that are left over from before refer to nothing
        reference = settings.references[position] if position < len(settings.references) else ""
        values.append(m.ParameterValue(f"{base}Parameter.{row}.Reference", reference))
    return [
        *values,
        m.ParameterValue(f"{base}NumberOfRetainedFailedReports", str(settings.retained), "xsd:int"),
        m.ParameterValue(f"{base}ReportingInterval", str(settings.interval), "xsd:unsignedInt"),
        m.ParameterValue(f"{base}HTTP.RetryEnable", "1", "xsd:boolean"),
        m.ParameterValue(f"{base}Enable", "1", "xsd:boolean"),
        m.ParameterValue(f"{BULK_DATA}Enable", "1", "xsd:boolean"),
    ]
