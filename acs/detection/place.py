"""C-11: is the device where it is registered? Several witnesses vote (TS 33.320 4.4.10). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from acs.detection.checks import Verdict
from acs.detection.thresholds import Thresholds

__all__ = ["WITNESSES", "distance", "judge_place", "witnesses_of"]

_EARTH = 6_371_008.8  # metres, mean radius
_GPS = "FAP.GPS."
_REM = "Services.FAPService.1.REM."
_CELL = (".BCCH.CellID", ".CI")  # of LTE and WCDMA, of GSM (TR-196 Issue 2)
_MICRO = 1e6  # LockedLatitude is in millionths of a degree (TR-262)


WITNESSES = {"latitude": ("gps",), "macro_cells": ("rem", "wcdma", "gsm")}
"""What is worth reading (labels of ``values.OBJECTS``) where this is known of a site."""


def witnesses_of(site: Mapping[str, str]) -> list[str]:
    """Return the labels of what tells whether a device is at this site."""
    return [label for name, labels in WITNESSES.items() if site.get(name) for label in labels]


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance in metres between two places (latitude, longitude, in degrees)."""
    latitude, longitude = math.radians(one[0]), math.radians(one[1])
    latitude2, longitude2 = math.radians(other[0]), math.radians(other[1])
    half = (
        math.sin((latitude2 - latitude) / 2) ** 2
        + math.cos(latitude) * math.cos(latitude2) * math.sin((longitude2 - longitude) / 2) ** 2
    )
    return 2 * _EARTH * math.asin(math.sqrt(min(1.0, half)))


def _degrees(text: str, limit: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= limit else None


def _registered(site: Mapping[str, str]) -> tuple[float, float] | None:
    latitude, longitude = (
        _degrees(site.get("latitude", ""), 90),
        _degrees(site.get("longitude", ""), 180),
    )
    return None if latitude is None or longitude is None else (latitude, longitude)


def _fix(values: Mapping[str, str]) -> tuple[float, float] | None:
    latitude = _degrees(values.get(f"{_GPS}LockedLatitude", ""), 90 * _MICRO)
    longitude = _degrees(values.get(f"{_GPS}LockedLongitude", ""), 180 * _MICRO)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None  # 0/0 is what a receiver without a fix tells
    if values.get(f"{_GPS}ScanStatus", "Success") not in ("Success", ""):
        return None
    return latitude / _MICRO, longitude / _MICRO


def judge_place(
    values: Mapping[str, str],
    site: Mapping[str, str],
    limits: Thresholds,
    *,
    address_moved: bool = False,
) -> Verdict:
    """Judge GPS (weight 2), macro cells (1) and the access line's address (1) against the site's values.

    ``values``: by name below the root. ``site``: ``latitude`` and ``longitude`` in degrees, ``macro_cells``
    as CellIdentities with commas. An address alone never suffices: providers renumber, NATs move.
    Witnesses that are missing have no vote.
    """
    votes, heard, told = 0.0, False, []
    facts: dict[str, object] = {}
    place, fix = _registered(site), _fix(values)
    if place is not None and fix is not None:
        heard = True
        away = distance(place, fix)
        facts["metres"] = round(away)
        if away > limits.max_distance:
            votes += 2
            told.append(f"GPS is {away:.0f} m from the registered place")
    wanted = {each.strip() for each in site.get("macro_cells", "").split(",") if each.strip()}
    cells = {
        value
        for name, value in values.items()
        if name.startswith(_REM) and ".Cell." in name and name.endswith(_CELL) and value
    }
    if wanted and cells:
        heard = True
        facts["macro_cells"] = len(wanted & cells)
        if len(wanted & cells) < min(limits.macro_cells, len(wanted)):
            votes += 1
            told.append(f"it hears {len(wanted & cells)} of the {len(wanted)} macro cells of its place")
    if heard and address_moved:
        votes += 1
        told.append("its access line's address is of another network")
    facts["votes"] = votes
    if not heard:
        return Verdict("C-11", "unknown", "neither GPS nor macro cells to compare with a registered place")
    if votes >= limits.location_votes:
        return Verdict("C-11", "found", "; ".join(told), facts)
    return Verdict("C-11", "ok", "; ".join(told), facts)
