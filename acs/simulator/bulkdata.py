"""The CPE's side of bulk data (TR-069 Annex N): profiles, reports in all four formats, retries. No I/O."""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from acs.simulator.delivery import Delivery, next_interval
from acs.simulator.tree import ParameterTree

__all__ = ["DEFAULTS", "FACTS", "BulkData"]

BULK_DATA = "Device.BulkData."
_PROFILES = f"{BULK_DATA}Profile."
_INFO = "Device.DeviceInfo."
_AS_MANY = 100  # reports that a profile with -1 retains
_NUMBERS = ("int", "long", "unsignedInt", "unsignedLong")
_TRUE = ("1", "true")

Values = dict[str, tuple[str, str]]  # name in the report → text, type without xsd:


@dataclass(slots=True)
class _Running:
    """What a profile is doing: its next report, those that wait, and when they are tried again."""

    timing: tuple[str, str]
    encoding: str
    next_at: float
    waiting: list[tuple[float, Values]] = field(default_factory=list)
    try_at: float | None = None
    retries: int = 0


class BulkData:
    """All profiles of a device. ``retry_scale`` scales the retry intervals."""

    def __init__(self, tree: ParameterTree, chance: random.Random, *, retry_scale: float = 1.0) -> None:
        self._tree, self._random, self._scale = tree, chance, retry_scale
        self._running: dict[str, _Running] = {}

    def boot(self, now: float) -> None:
        """Retry counts begin anew; failed reports survive only where the profile says so (TR-181)."""
        for base, running in self._running.items():
            running.retries = 0
            if not self._on(f"{base}HTTP.PersistAcrossReboot"):
                running.waiting, running.try_at = [], None
        self.tick(now)

    def next_wake(self) -> list[float]:
        """Return the moments at which something is due."""
        tries = [each.try_at for each in self._running.values() if each.try_at is not None]
        return [*tries, *(each.next_at for each in self._running.values())]

    def tick(self, now: float) -> None:
        """Follow the configuration, and collect what is to be reported now."""
        enabled = self._enabled()
        self._running = {base: each for base, each in self._running.items() if base in enabled}
        for base in enabled:
            timing = (self._tree.value(f"{base}ReportingInterval"), self._tree.value(f"{base}TimeReference"))
            encoding = self._tree.value(f"{base}EncodingType")
            running = self._running.get(base)
            if running is None or running.timing != timing:
                waiting = running.waiting if running is not None else []
                running = self._running[base] = _Running(
                    timing, encoding, next_interval(timing, now), waiting
                )
            if running.encoding != encoding:
                running.encoding, running.waiting, running.try_at = encoding, [], None
            if running.next_at <= now:
                self._collect(base, running, now)

    def _enabled(self) -> list[str]:
        if not self._on(f"{BULK_DATA}Enable"):
            return []
        bases = [f"{_PROFILES}{number}." for number in self._rows(_PROFILES)]
        return [base for base in bases if self._on(f"{base}Enable") and self._text(f"{base}HTTP.URL")]

    def _collect(self, base: str, running: _Running, now: float) -> None:
        """A reporting interval is over: failed reports that may not be retained go, the new one comes."""
        retained = int(self._text(f"{base}NumberOfRetainedFailedReports") or 0)
        surplus = len(running.waiting) - (_AS_MANY if retained < 0 else retained)
        del running.waiting[: max(0, surplus)]
        running.waiting.append((now, self._values(base)))
        running.try_at, running.retries = now, 0
        running.next_at = next_interval(running.timing, now)

    def _values(self, base: str) -> Values:
        """Return what the profile's Parameter table refers to, by the names that it gives (Annex N)."""
        found: Values = {}
        excluded: set[str] = set()
        for row in self._rows(f"{base}Parameter."):
            reference = self._text(f"{base}Parameter.{row}.Reference")
            alternative = self._text(f"{base}Parameter.{row}.Name")
            for path, stars in self._resolve(reference) if reference else ():
                if self._on(f"{base}Parameter.{row}.Exclude"):
                    excluded.add(path)
                    continue
                text, kind = self._tree.get(path) or ("", "xsd:string")
                name = _name(alternative, reference, path, stars) if alternative else path
                found[name] = (text, kind.removeprefix("xsd:"))
        return {name: value for name, value in found.items() if name not in excluded}

    def _resolve(self, reference: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return the parameters that a reference stands for, with the instances its wildcards stood for."""
        pattern = re.escape(reference).replace(r"\*", r"(\d+)") + (".*" if reference.endswith(".") else r"\Z")
        head = reference.partition("*")[0]
        model = self._tree.template.model
        found = []
        for path in self._tree.below(head[: head.rindex(".") + 1]):
            match = re.match(pattern, path)
            spec = model.spec(path) if match else None
            if match and not (spec and spec.type.startswith("hidden ")):
                found.append((path, match.groups()))
        return found

    def due(self, now: float) -> Delivery | None:
        """Return a message that is to be sent now; ``sent`` is then told what came of it."""
        for base, running in self._running.items():
            if running.try_at is not None and running.try_at <= now and running.waiting:
                return self._message(base, running)
        return None

    def sent(self, delivery: Delivery, now: float, *, stored: bool) -> None:
        """The collector answered (or didn't): all is delivered, or it is tried again (Annex N, retries)."""
        running = self._running.get(delivery.what)
        if running is None:
            return
        if stored:
            running.waiting, running.try_at, running.retries = [], None, 0
            return
        if not self._on(f"{delivery.what}HTTP.RetryEnable"):
            running.try_at = None
            return
        least = int(self._text(f"{delivery.what}HTTP.RetryMinimumWaitInterval"))
        factor = int(self._text(f"{delivery.what}HTTP.RetryIntervalMultiplier")) / 1000
        running.retries += 1
        shortest = least * factor ** (min(running.retries, 10) - 1)
        running.try_at = now + self._random.uniform(shortest, shortest * factor) * self._scale

    def _message(self, base: str, running: _Running) -> Delivery:
        json_encoded = running.encoding == "JSON"
        section = "JSONEncoding." if json_encoded else "CSVEncoding."
        form = self._text(f"{base}{section}ReportFormat")
        text = self._json(base, form, running) if json_encoded else self._csv(base, form, running)
        media = (
            "application/json; charset=UTF-8" if json_encoded else "text/csv; charset=UTF-8; header=present"
        )
        headers = {"Content-Type": media, "BBF-Report-Format": f'"{form}"'}
        body = text.encode()
        match self._text(f"{base}HTTP.Compression"):
            case "GZIP":
                headers["Content-Encoding"], body = "gzip", gzip.compress(body)
            case "Deflate":
                headers["Content-Encoding"], body = "deflate", zlib.compress(body)
        url, username, password = (
            self._text(f"{base}HTTP.{name}") for name in ("URL", "Username", "Password")
        )
        separator = "&" if "?" in url else "?"
        url += separator + urlencode(self._query(base), quote_via=quote)
        return Delivery(base, url, body, self._text(f"{base}HTTP.Method"), headers, username, password)

    def _query(self, base: str) -> dict[str, str]:
        """Return who the device is, and what RequestURIParameter adds."""
        names = {"oui": "ManufacturerOUI", "pc": "ProductClass", "sn": "SerialNumber"}
        found = {short: self._tree.value(_INFO + name) for short, name in names.items()}
        table = f"{base}HTTP.RequestURIParameter."
        for row in sorted(
            {name[len(table) :].partition(".")[0] for name in self._tree.below(table)}, key=int
        ):
            reference = self._text(f"{table}{row}.Reference")
            value = self._tree.get(reference) if reference else None
            if value is not None:
                found[self._text(f"{table}{row}.Name") or reference] = value[0]
        return found

    def _json(self, base: str, form: str, running: _Running) -> str:
        stamp = self._text(f"{base}JSONEncoding.ReportTimestamp")
        reports = []
        for at, values in running.waiting:
            report: dict[str, Any] = {} if stamp == "None" else {"CollectionTime": _stamp(stamp, at)}
            for name, (text, kind) in values.items():
                *objects, leaf = name.split(".") if form == "ObjectHierarchy" else [name]
                inner = report
                for each in objects:
                    inner = inner.setdefault(each, {})
                inner[leaf] = _json_value(text, kind)
            reports.append(report)
        return json.dumps({"Report": reports})

    def _csv(self, base: str, form: str, running: _Running) -> str:
        stamp, field_, row, quote_ = (
            self._text(f"{base}CSVEncoding.{name}")
            for name in ("RowTimestamp", "FieldSeparator", "RowSeparator", "EscapeCharacter")
        )
        timed = stamp != "None"
        rows: list[list[str]] = []
        if form == "ParameterPerRow":
            rows.append(["ParameterName", "ParameterValue", "ParameterType"])
            for _, values in running.waiting:
                rows += [[name, text, kind] for name, (text, kind) in values.items()]
        else:
            names = list(dict.fromkeys(name for _, values in running.waiting for name in values))
            rows.append(names)
            rows += [[values.get(name, ("", ""))[0] for name in names] for _, values in running.waiting]
        if timed:
            per_report = [len(values) if form == "ParameterPerRow" else 1 for _, values in running.waiting]
            counted = zip(running.waiting, per_report, strict=True)
            stamps = [str(_stamp(stamp, at)) for (at, _), count in counted for _ in range(count)]
            rows = [[head, *each] for head, each in zip(["ReportTimestamp", *stamps], rows, strict=True)]

        def enclosed(text: str) -> str:
            special = any(part in text for part in (field_, row, quote_, "\r", "\n"))
            return quote_ + text.replace(quote_, quote_ * 2) + quote_ if special else text

        return "".join(field_.join(enclosed(each) for each in line) + row for line in rows)

    def _rows(self, table: str) -> list[int]:
        """Return the instances of a table, in order."""
        heads = {name[len(table) :].partition(".")[0] for name in self._tree.below(table)}
        return sorted(int(head) for head in heads if head.isdigit())

    def _on(self, name: str) -> bool:
        return self._text(name).lower() in _TRUE

    def _text(self, name: str) -> str:
        found = self._tree.get(name)
        return found[0] if found else ""


def _name(alternative: str, reference: str, path: str, stars: tuple[str, ...]) -> str:
    """Return an alternative name with what the reference left open (Annex N, alternative names)."""
    rest = path.split(".")[reference.count(".") :] if reference.endswith(".") else []
    return ".".join([alternative, *stars, *rest])


def _stamp(form: str, at: float) -> int | str:
    return (
        int(at) if form != "ISO-8601" else datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def _json_value(text: str, kind: str) -> bool | int | str:
    if kind == "boolean":
        return text.lower() in _TRUE
    if kind in _NUMBERS and text.lstrip("-").isdigit():
        return int(text)
    return text


DEFAULTS = {
    "ReportingInterval": "86400",
    "NumberOfRetainedFailedReports": "0",
    "HTTP.Compression": "None",
    "HTTP.CompressionsSupported": "GZIP,Deflate",
    "HTTP.MethodsSupported": "POST,PUT",
    "HTTP.Method": "POST",
    "HTTP.UseDateHeader": "1",
    "HTTP.RetryMinimumWaitInterval": "5",
    "HTTP.RetryIntervalMultiplier": "2000",
    "CSVEncoding.FieldSeparator": ",",
    "CSVEncoding.RowSeparator": "\r\n",
    "CSVEncoding.EscapeCharacter": '"',
    "CSVEncoding.ReportFormat": "ParameterPerColumn",
    "CSVEncoding.RowTimestamp": "Unix-Epoch",
    "JSONEncoding.ReportFormat": "ObjectHierarchy",
    "JSONEncoding.ReportTimestamp": "Unix-Epoch",
}
"""What a new profile has (TR-181 2.17, defaults of type object)."""
FACTS = {
    f"{BULK_DATA}Status": "Enabled",
    f"{BULK_DATA}Protocols": "HTTP",
    f"{BULK_DATA}EncodingTypes": "CSV,JSON",
    f"{BULK_DATA}ParameterWildCardSupported": "1",
    f"{BULK_DATA}MaxNumberOfProfiles": "-1",
    f"{BULK_DATA}MaxNumberOfParameterReferences": "-1",
}
"""What the device says of itself."""
