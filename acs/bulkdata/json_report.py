"""Reports in JSON: ObjectHierarchy and NameValuePair (TR-069 Annex N; TR-181 JSONEncoding)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from acs.bulkdata.report import Batch, BulkDataError, Limits, Report, Sample, Value, compact, storable
from acs.bulkdata.timestamp import collected_at

__all__ = ["parse_json"]

_TIME = "CollectionTime"


def parse_json(text: str, *, now: float, limits: Limits) -> Batch:
    """Return the reports in ``{"Report": [{…}, …]}``; the names of nested objects are joined with dots.

    So both formats come to the same: parameters by their full path. Raises ``BulkDataError``.
    """
    try:
        document = msgspec.json.decode(text)
    except RecursionError:
        raise BulkDataError(f"the JSON is nested deeper than {limits.depth} levels", status=413) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BulkDataError(f"the body is no JSON: {error}") from error
    found = document.get("Report") if isinstance(document, dict) else None
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise BulkDataError('the JSON has no array "Report" at its top')
    if len(found) > limits.reports:
        raise BulkDataError(f"{len(found)} reports at once; {limits.reports} are taken", status=413)
    batch, left = Batch(), limits.samples
    for number, body in enumerate(found, 1):
        if not isinstance(body, dict):
            batch.note(f"report {number} is no JSON object and was left out")
            continue
        time = body.pop(_TIME, None)
        samples = _samples(body, batch, min(left, limits.parameters), limits)
        if not samples:
            batch.note(f"report {number} is empty and was left out")
            continue
        left -= len(samples)
        batch.reports.append(Report(collected_at(time, now), samples))
    return batch


def _samples(body: dict[str, Any], batch: Batch, room: int, limits: Limits) -> tuple[Sample, ...]:
    found: dict[str, Sample] = {}
    for name, value in _leaves(body, limits):
        if len(name) > limits.name or not name:
            batch.note(f"the name {name[:60]!r} has {len(name)} characters and was left out")
        elif isinstance(value, str) and len(value) > limits.value:
            batch.note(f"the value of {name} has {len(value)} characters and was left out")
        elif name in found:
            batch.note(f"{name} stands there twice; the first is kept")
        elif len(found) >= room:
            raise BulkDataError(f"a report has more than {room} parameters", status=413)
        else:
            found[name] = Sample(name, value)
    return tuple(found.values())


def _leaves(body: dict[str, Any], limits: Limits) -> Iterator[tuple[str, Value]]:
    """Yield name and value of each parameter, in order, without recursion."""
    waiting: list[tuple[str, Iterator[tuple[str, Any]]]] = [("", iter(body.items()))]
    while waiting:
        prefix, items = waiting[-1]
        for key, value in items:
            name = prefix + key.strip().removesuffix(".")
            if not isinstance(value, dict):
                yield name, _scalar(value)
                continue
            if len(waiting) >= limits.depth or len(name) > limits.name:
                where = name[:60]
                raise BulkDataError(f"{where} is nested deeper than {limits.depth} levels", status=413)
            waiting.append((f"{name}.", iter(value.items())))
            break
        else:
            waiting.pop()


def _scalar(value: Any) -> Value:
    """Return a value as it is kept; a list, which TR-106 has as text, is kept as its JSON."""
    if isinstance(value, list):
        try:
            return msgspec.json.encode(value).decode()
        except RecursionError:
            raise BulkDataError("a list is nested too deeply", status=413) from None
    if isinstance(value, str):  # as in CSV: devices write numbers either way
        return compact(value)
    if value is None or isinstance(value, int | float):
        return storable(value)
    raise BulkDataError(f"{type(value).__name__} is no value of a parameter")
