"""C-03, C-09, C-10, C-14 to C-17: what the values of a device tell. Pure.

Names are below the root of the data model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from acs.datamodel.conversion import is_true
from acs.declared import Deviation
from acs.detection.checks import CHECKS, Alarm, Verdict
from acs.detection.memory import MOST_PATHS, Memory
from acs.detection.thresholds import Antenna, Thresholds

__all__ = [
    "OBJECTS",
    "follow_baseline",
    "follow_counters",
    "follow_drift",
    "judge_enclosure",
    "judge_radio",
]

_FAP = "Services.FAPService.1."
_ENCLOSURE = f"{_FAP}FAPControl.EnclosureTamperingDetected"
_ADMIN, _RF = f"{_FAP}FAPControl.LTE.AdminState", f"{_FAP}FAPControl.LTE.RFTxStatus"
_POWER = f"{_FAP}CellConfig.LTE.RAN.RF.ReferenceSignalPower"
_PORTS = f"{_FAP}CellConfig.LTE.RAN.PHY.AntennaInfo.AntennaPortsCount"
_COUNTERS = tuple(
    f"IPsec.Stats.{each}" for each in ("IntegrityErrors", "ReplayErrors", "NegotiationFailures")
)
_TIME, _UP = "Time.Status", "DeviceInfo.UpTime"
_IDENTITY = ("DeviceInfo.SerialNumber", "DeviceInfo.ManufacturerOUI")

OBJECTS: dict[str, tuple[str, ...]] = {
    "identity": (*_IDENTITY, "ManagementServer.URL"),
    "enclosure": (_ENCLOSURE,),
    "control": (_ADMIN, _RF),
    "radio": (_POWER, _PORTS),
    "ipsec": _COUNTERS,
    "gps": ("FAP.GPS.",),
    "time": (_TIME,),
    "uptime": (_UP,),
    "rem": (f"{_FAP}REM.LTE.Cell.",),
    "wcdma": (f"{_FAP}REM.UMTS.WCDMA.Cell.",),
    "gsm": (f"{_FAP}REM.UMTS.GSM.Cell.",),
}
"""What is read beside the declared parameters, in requests of their own: a device may lack any of it."""

_ANTENNA = ("AntennaInfo.", "RF.ReferenceSignalPower", "MaxTxPower")
_ENDPOINTS = ("ManagementServer.URL", "Time.NTPServer", "Gateway.SecGWServer", "Gateway.S1Sig", "DNS.")


def _kind(path: str) -> str:
    """Return the check that a deviating parameter belongs to."""
    if any(each in path for each in _ANTENNA):
        return "C-16"
    return "C-15" if any(each in path for each in _ENDPOINTS) else "C-09"


def follow_drift(
    memory: Memory,
    deviations: Sequence[Deviation],
    foreign: Collection[str],
    values: Mapping[str, str],
    limits: Thresholds,
) -> tuple[Memory, list[Verdict]]:
    """Judge where a device deviates from what is declared (S1 L15, L18); paths in full.

    ``foreign``: parameters whose value somebody changed who is not this HeMS.
    What deviates because other things are declared now than were applied is no finding. ``values`` (below
    the root) are held against ``endpoints``.
    """
    wrong = {each.path: each for each in deviations if each.kind == "value"}
    kept = [path for path in memory.deviating if path in wrong]
    kept += [path for path in foreign if path in wrong and path not in kept]
    if tuple(kept[:MOST_PATHS]) != memory.deviating:
        memory = msgspec.structs.replace(memory, deviating=tuple(kept[:MOST_PATHS]))
    told: dict[str, list[str]] = {"C-09": [], "C-15": [], "C-16": []}
    for path in memory.deviating:
        each = wrong[path]
        told[_kind(path)].append(f"{path} is {(each.actual or '')[:60]!r}, declared {each.wanted[:60]!r}")
    for name, value in values.items():
        for suffix, allowed in limits.endpoints.items():
            if name.endswith(suffix) and value and not any(fnmatchcase(value, each) for each in allowed):
                told["C-15"].append(f"{name} is {value[:60]!r}, which the policy does not allow")
    return memory, [
        Verdict(check, "found" if lines else "ok", "; ".join(lines[:3]), {"parameters": len(lines)})
        for check, lines in told.items()
    ]


def follow_baseline(
    memory: Memory,
    values: Mapping[str, str],
    hardware_version: str,
    written: Collection[str] = (),
    antenna: Sequence[Antenna] = (),
) -> tuple[Memory, list[Verdict]]:
    """Judge what has no reason to change; what is seen first is taken as it is.

    ``written``: names that this HeMS set itself, which are taken as they are, too. ``antenna``: what tells of
    the antenna besides.
    """
    unchanging = [each.name for each in antenna if each.most is None]
    seen = {"DeviceInfo.HardwareVersion": hardware_version}
    seen |= {name: values.get(name, "") for name in (*_IDENTITY, _PORTS, *unchanging)}
    baseline, told = dict(memory.baseline), {"C-03": "", "C-07h": "", "C-16": _beyond(values, antenna)}
    where = {"DeviceInfo.HardwareVersion": "C-07h", **dict.fromkeys((_PORTS, *unchanging), "C-16")}
    for name, value in seen.items():
        if not value:
            continue
        if name not in baseline or name in written:
            baseline[name] = value[:64]
        elif baseline[name].casefold() != value[:64].casefold():
            told[where.get(name, "C-03")] = f"{name} was {baseline[name]!r} and is {value[:60]!r}"
    if baseline != memory.baseline:
        memory = msgspec.structs.replace(memory, baseline=baseline)
    return memory, [
        Verdict(check, "found" if text else "ok", text)
        for check, text in told.items()
        if text or check != "C-16"
    ]


def _beyond(values: Mapping[str, str], antenna: Sequence[Antenna]) -> str:
    """Return what of the antenna is more than it may be."""
    for each in antenna:
        number = _number(values.get(each.name, ""))
        if each.most is not None and number is not None and not number <= each.most:
            return f"{each.name} is {number:g}, {each.most:g} at most is right"
    return ""


def judge_enclosure(values: Mapping[str, str]) -> Verdict:
    """Judge EnclosureTamperingDetected (S1 L19)."""
    value = values.get(_ENCLOSURE)
    if value is None:
        return Verdict("C-10", "unknown", "it has no EnclosureTamperingDetected")
    if not is_true(value):
        return Verdict("C-10", "ok")
    radiates = " and AdminState is true" if is_true(values.get(_ADMIN, "0")) else ""
    return Verdict("C-10", "found", f"EnclosureTamperingDetected is true{radiates}")


def judge_radio(
    values: Mapping[str, str], product_class: str, limits: Thresholds, *, fresh: Collection[str]
) -> Verdict:
    """Judge whether it radiates though it must not (S1 L16), or with more power than is licensed.

    ``fresh``: names that it told just now. An RFTxStatus of before tells nothing once it was locked.
    """
    admin, radiates = values.get(_ADMIN), values.get(_RF)
    licence = limits.max_reference_signal_power
    most = licence.get(product_class, licence.get("*"))
    power = _number(values.get(_POWER, ""))
    if most is not None and power is not None and not power <= most:  # as NaN is not either
        alarm = Alarm("PHYSICAL_VIOLATION", "CABLE_TAMPER", "MAJOR", "ANTENNA_MODIFIED")
        text = f"ReferenceSignalPower is {power:g} dBm, {most:g} dBm are licensed"
        return Verdict("C-14", "found", text, {"dbm": power}, alarm)
    if admin is None or radiates is None or _RF not in fresh:
        return Verdict("C-14", "unknown", "it tells no AdminState or no RFTxStatus")
    if is_true(radiates) and not is_true(admin):
        return Verdict("C-14", "found", "it radiates though AdminState is false", {}, CHECKS["C-14"].alarm)
    return Verdict("C-14", "ok")


def _number(text: str) -> float | None:
    try:
        return float(text.split(",", maxsplit=1)[0])
    except ValueError:
        return None


def follow_counters(
    memory: Memory, values: Mapping[str, str], limits: Thresholds, *, now: float
) -> tuple[Memory, Verdict | None]:
    """Judge how fast the error counters of IPsec rise; a counter that fell began anew with a boot."""
    seen = {
        name: int(values[name][:18])
        for name in _COUNTERS
        if values.get(name, "").isascii() and values.get(name, "").isdecimal()
    }
    if not seen:
        return memory, None
    before, hours = memory.counters, (now - memory.counters_at) / 3600
    memory = msgspec.structs.replace(memory, counters=seen, counters_at=now)
    if not before or hours <= 0:
        return memory, Verdict("C-17", "unknown", "counted for the first time")
    rates = {
        name.rpartition(".")[2]: max(0, value - before.get(name, value)) / max(hours, 1.0)
        for name, value in seen.items()
    }
    worst = max(rates, key=lambda name: rates[name])
    facts: dict[str, object] = {name: round(rate, 1) for name, rate in rates.items()}
    if rates[worst] > limits.ipsec_errors_per_hour:
        return memory, Verdict("C-17", "found", f"{worst}: {rates[worst]:.0f} an hour", facts)
    return memory, Verdict("C-17", "ok", "", facts)
