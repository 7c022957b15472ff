"""The CPE's side of PM files: ``Device.FAP.PerfMgmt.Config`` (TR-262), files after TS 32.435. No I/O."""

from __future__ import annotations

import gzip
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from acs.simulator.delivery import Delivery, next_interval
from acs.simulator.traffic import RAN
from acs.simulator.tree import ParameterTree

__all__ = ["PERF_MGMT", "PerfMgmt"]

PERF_MGMT = "Device.FAP.PerfMgmt.Config."
_INFO = "Device.DeviceInfo."
_KEPT = 8  # files that wait for a file server that does not answer
_PAUSE = 60.0  # seconds until a file is tried again
_NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"
_GROUPS = {
    "RRC": ("RRC.Stats.", "RRC.", ("AttConnEstab", "SuccConnEstab", "FailConnEstab")),
    "ERAB": ("ERAB.Stats.", "ERAB.", ("EstabInitAttNbr", "EstabInitSuccNbr", "EstabInitFailNbr")),
}
"""Group → object below CellConfig.LTE.RAN, prefix of the measurement's name, counters."""


@dataclass(slots=True)
class _Running:
    """What one configuration is doing; ``counters`` as they were when its period began."""

    timing: tuple[str, str]
    next_at: float
    since: float
    counters: dict[str, int]
    whole: bool
    files: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    try_at: float = 0.0


class PerfMgmt:
    """All upload configurations of a device. ``retry_scale`` scales the time between attempts."""

    def __init__(self, tree: ParameterTree, *, retry_scale: float = 1.0) -> None:
        self._tree, self._scale = tree, retry_scale
        self._running: dict[str, _Running] = {}

    def boot(self, now: float) -> None:
        """Counters begin at zero, so the period that is running is not whole."""
        for running in self._running.values():
            running.since, running.whole, running.counters = now, False, self._counters()

    def next_wake(self) -> list[float]:
        """Return the moments at which something is due."""
        tries = [each.try_at for each in self._running.values() if each.files]
        return [*tries, *(each.next_at for each in self._running.values())]

    def tick(self, now: float) -> None:
        """Follow the configuration, and write the file of a period that is over."""
        enabled = self._enabled()
        self._running = {base: each for base, each in self._running.items() if base in enabled}
        for base in enabled:
            timing = (self._text(f"{base}PeriodicUploadInterval"), self._text(f"{base}PeriodicUploadTime"))
            running = self._running.get(base)
            if running is None or running.timing != timing:
                begins = next_interval(timing, now)
                whole = begins - now == int(timing[0])
                running = _Running(timing, begins, now, self._counters(), whole)
                self._running[base] = running
            if running.next_at <= now:
                running.files.append(self._file(base, running, now))
                running.try_at = now
                running.since, running.whole, running.counters = now, True, self._counters()
                running.next_at = next_interval(timing, now)

    def _enabled(self) -> list[str]:
        heads = {name[len(PERF_MGMT) :].partition(".")[0] for name in self._tree.below(PERF_MGMT)}
        bases = [f"{PERF_MGMT}{number}." for number in sorted(int(head) for head in heads if head.isdigit())]
        on = ("1", "true")
        return [
            base for base in bases if self._text(f"{base}Enable").lower() in on and self._text(f"{base}URL")
        ]

    def due(self, now: float) -> Delivery | None:
        """Return a file that is to be uploaded now; ``sent`` is then told what came of it."""
        for base, running in self._running.items():
            if running.files and running.try_at <= now:
                name, content = running.files[0]
                headers = {
                    "Content-Type": "application/gzip",
                    "Content-Disposition": f'attachment; filename="{name}"',
                }
                url, username, password = (
                    self._text(base + each) for each in ("URL", "Username", "Password")
                )
                return Delivery(base, url, content, "PUT", headers, username, password)
        return None

    def sent(self, delivery: Delivery, now: float, *, stored: bool) -> None:
        """The file server took the file, or it is tried again after a while."""
        running = self._running.get(delivery.what)
        if running is None:
            return
        if stored:
            running.files.popleft()
        else:
            running.try_at = now + _PAUSE * self._scale

    def _counters(self) -> dict[str, int]:
        found = {}
        for branch, _, names in _GROUPS.values():
            for name in names:
                found[f"{branch}{name}"] = int(self._text(f"{RAN}{branch}{name}") or 0)
        return found

    def _file(self, base: str, running: _Running, now: float) -> tuple[str, bytes]:
        """Return name (TS 32.432) and content: what was counted in this period."""
        device = (
            f"ManagedElement={self._text(f'{_INFO}ManufacturerOUI')}-{self._text(f'{_INFO}SerialNumber')}"
        )
        begin, end = _iso(running.since), _iso(now)
        period = f"PT{round(now - running.since)}S"
        counted = self._counters()
        groups = []
        for group, (branch, prefix, names) in _GROUPS.items():
            kinds = "".join(f'<measType p="{p}">{prefix}{name}</measType>' for p, name in enumerate(names, 1))
            results = "".join(
                f'<r p="{p}">{counted[branch + name] - running.counters[branch + name]}</r>'
                for p, name in enumerate(names, 1)
            )
            groups.append(
                f'<measInfo measInfoId="{group}"><granPeriod duration="{period}" endTime="{end}"/>'
                f'<repPeriod duration="PT{running.timing[0]}S"/>{kinds}'
                f'<measValue measObjLdn="ENBFunction=1,EUtranCell=1">{results}'
                f"<suspect>{'false' if running.whole else 'true'}</suspect></measValue></measInfo>"
            )
        version = quoteattr(self._text(f"{_INFO}SoftwareVersion"))
        vendor = quoteattr(self._text(f"{_INFO}Manufacturer"))
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<measCollecFile xmlns="{_NAMESPACE}">'
            f'<fileHeader fileFormatVersion="32.435 V10.0" vendorName={vendor}>'
            f'<fileSender localDn={quoteattr(device)} elementType="LTE_Femto"/>'
            f'<measCollec beginTime="{begin}"/></fileHeader>'
            f"<measData><managedElement localDn={quoteattr(device)} swVersion={version}/>{''.join(groups)}"
            f'</measData><fileFooter><measCollec endTime="{end}"/></fileFooter></measCollecFile>'
        )
        unique = base[len(PERF_MGMT) : -1]
        name = f"A{_stamp(running.since, '%Y%m%d.%H%M')}-{_stamp(now, '%H%M')}_{unique}.xml.gz"
        return name, gzip.compress(text.encode())

    def _text(self, name: str) -> str:
        found = self._tree.get(name)
        return found[0] if found else ""


def _iso(at: float) -> str:
    return datetime.fromtimestamp(round(at), UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _stamp(at: float, form: str) -> str:
    return datetime.fromtimestamp(round(at), UTC).strftime(form) + "+0000"
