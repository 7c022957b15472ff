"""Reports in CSV: ParameterPerRow and ParameterPerColumn (TR-069 Annex N; TR-181 CSVEncoding)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from acs.bulkdata.report import Batch, BulkDataError, Limits, Report, Sample, compact
from acs.bulkdata.timestamp import collected_at

__all__ = ["Dialect", "parse_columns", "parse_rows", "sniff"]

_TIME, _NAME, _VALUE, _TYPE = "ReportTimestamp", "ParameterName", "ParameterValue", "ParameterType"
_PER_ROW = re.compile(rf"{_NAME}\W?(?P<field>\W{{1,8}}?)\W?{_VALUE}", re.ASCII)
_FIELDS = 64  # of a row that should have four: text with separators in it is common
_CANDIDATES = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The separators of a profile; ``row`` empty: whichever line break there is (RFC 4180 by default).

    ``escape`` encloses a field that has separators in it, and is doubled within.
    """

    field: str = ","
    row: str = ""
    escape: str = '"'

    def __post_init__(self) -> None:
        parts = [part for part in (self.field, self.row, self.escape) if part]
        if not self.field or len(self.escape) > 1 or any(len(part) > 8 for part in parts):
            raise BulkDataError(
                "separators have 1 to 8 characters and the escape character 0 or 1;"
                f" these are {self.field!r}, {self.row!r}, {self.escape!r}"
            )
        if len(set(parts)) != len(parts):
            raise BulkDataError(
                f"the separators {self.field!r}, {self.row!r}, {self.escape!r} are not distinct"
            )

    def rows(self, text: str, *, columns: int) -> Iterator[list[str]]:
        """Yield the fields of each row; empty rows are left out. Raises ``BulkDataError`` (413)."""
        field, quote = re.escape(self.field), re.escape(self.escape)
        row = re.escape(self.row) if self.row else r"\r\n|\n|\r"
        enclosed = f"{quote}([^{quote}]*(?:{quote}{quote}[^{quote}]*)*){quote}" if self.escape else r"(?!)()"
        # Enclosed to its end, or else plain up to the next separator; then the separator itself. (Possessive
        # quantifiers would say that nothing is worth going back for; early releases of 3.11 get them wrong.)
        step = re.compile(rf"(?:{enclosed}(?={field}|{row}|\Z)|((?:(?!{field}|{row}).)*))({row})?", re.DOTALL)
        blank = re.compile(rf"(?:{row})*")
        position, fields = 0, list[str]()
        while position <= len(text):
            if not fields:
                position = _end(blank, text, position)
            found = step.match(text, position)
            assert found is not None  # the second branch takes anything
            value = found[2] if found[1] is None else found[1].replace(self.escape * 2, self.escape)
            if len(fields) >= columns:
                raise BulkDataError(f"a row has more than {columns} columns", status=413)
            fields.append(value)
            position = found.end()
            if found[3] is None and position < len(text):
                position += len(self.field)
                if position == len(text):  # a separator at the very end: one more, empty field
                    fields.append("")
                    position += 1
                else:
                    continue
            if fields != [""]:
                yield fields
            fields = []
            if position >= len(text):
                return


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def sniff(text: str) -> Dialect:
    """Return the dialect that the header line shows; commas and line breaks where it shows none."""
    head = text[:4096]
    per_row = _PER_ROW.search(head)
    if per_row is not None:
        return Dialect(field=per_row["field"])
    line = re.split(r"[\r\n]", head.lstrip("\r\n"), maxsplit=1)[0]
    best = max(_CANDIDATES, key=line.count)
    return Dialect(field=best if best in line else ",")


def parse_rows(text: str, *, now: float, limits: Limits, dialect: Dialect | None = None) -> Batch:
    """Return the reports of ``[ReportTimestamp,]ParameterName,ParameterValue,ParameterType`` rows.

    Rows of one time stamp are one report. Raises ``BulkDataError``.
    """
    batch = Batch()
    header: list[str] | None = None
    groups: dict[str, dict[str, Sample]] = {}
    for number, row in enumerate((dialect or sniff(text)).rows(text, columns=_FIELDS), 1):
        if number > limits.samples + limits.reports:
            raise BulkDataError(f"more than {limits.samples} rows", status=413)
        fields = [field.strip() for field in row]
        if _NAME in fields and _VALUE in fields:
            header = fields
            continue
        if header is None:  # as with Content-Type's header=absent
            header = [_TIME, _NAME, _VALUE, _TYPE] if len(row) >= 4 else [_NAME, _VALUE, _TYPE]
        facts = dict(zip(header, row, strict=False))
        name = facts.get(_NAME, "").strip()
        if _VALUE not in facts or not 0 < len(name) <= limits.name or len(facts[_VALUE]) > limits.value:
            batch.note(f"row {number} is no parameter and was left out: {row!r}")
            continue
        time = facts.get(_TIME, "").strip()
        group = groups.setdefault(time, {})
        if len(groups) > limits.reports or len(group) >= limits.parameters:
            raise BulkDataError(
                f"more than {limits.reports} reports, or {limits.parameters} parameters in one", status=413
            )
        if name in group:
            batch.note(f"{name} stands twice in the report of {time or 'no time'}; the first is kept")
            continue
        group[name] = Sample(name, compact(facts[_VALUE]), facts.get(_TYPE, "").strip()[:32])
    batch.reports = [Report(collected_at(time, now), tuple(group.values())) for time, group in groups.items()]
    return batch


def parse_columns(text: str, *, now: float, limits: Limits, dialect: Dialect | None = None) -> Batch:
    """Return one report for each row below a header of parameter names. Raises ``BulkDataError``."""
    rows = (dialect or sniff(text)).rows(text, columns=limits.columns)
    header = [field.strip() for field in next(rows, [])]
    batch, left = Batch(), limits.samples
    names = _names(header, batch, limits)
    if not names:
        raise BulkDataError("the header line names no parameter")
    time_column = header.index(_TIME) if _TIME in header else None
    for number, row in enumerate(rows, 1):
        if [field.strip() for field in row] == header:  # it was written again with a retained report
            continue
        if len(row) != len(header):
            batch.note(f"row {number} has {len(row)} fields, the header {len(header)}")
        samples = _row(row, names, batch, limits)
        left -= len(samples)
        if number > limits.reports or left < 0:
            raise BulkDataError(f"more than {limits.reports} rows or {limits.samples} values", status=413)
        time = row[time_column] if time_column is not None and time_column < len(row) else None
        if samples:
            batch.reports.append(Report(collected_at(time, now), samples))
    return batch


def _row(row: list[str], names: dict[int, str], batch: Batch, limits: Limits) -> tuple[Sample, ...]:
    """Return the values of one row; a row that is too short has fewer."""
    samples = []
    for column, name in names.items():
        if column >= len(row):
            continue
        if len(row[column]) > limits.value:
            batch.note(f"the value of {name} has {len(row[column])} characters and was left out")
            continue
        samples.append(Sample(name, compact(row[column])))
    return tuple(samples)


def _names(header: list[str], batch: Batch, limits: Limits) -> dict[int, str]:
    """Return the parameter of each column."""
    names: dict[int, str] = {}
    seen: set[str] = {_TIME}
    for column, name in enumerate(header):
        if name == _TIME:
            continue
        if not 0 < len(name) <= limits.name or name in seen:
            batch.note(f"column {column + 1} is named {name[:60]!r}, as no other may be; it was left out")
            continue
        seen.add(name)
        names[column] = name
    return names
