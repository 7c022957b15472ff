"""The words of alarms: event types, probable causes, severities (TS 32.111-2 Annexes A and B, X.736).

FaultMgmt leaves the strings free (TR-181), so devices send display forms, camel case, capitals,
IRP codes and numbers. Everything here is brought to one spelling: capitals with underscores.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import resources
from typing import Final

__all__ = [
    "EVENT_TYPES",
    "PROBABLE_CAUSES",
    "SECURITY_EVENT_TYPES",
    "SEVERITIES",
    "event_type",
    "is_security",
    "probable_cause",
    "severity",
]

# name: (IRP code of TS 32.111-3, IANA-ITU-ALARM-TC integer, X.721 notification arc)
EVENT_TYPES: Final[dict[str, tuple[str, int, int]]] = {
    "COMMUNICATIONS_ALARM": ("x1", 2, 2),
    "PROCESSING_ERROR_ALARM": ("x2", 4, 10),
    "ENVIRONMENTAL_ALARM": ("x3", 6, 3),
    "QUALITY_OF_SERVICE_ALARM": ("x4", 3, 11),
    "EQUIPMENT_ALARM": ("x5", 5, 4),
    "INTEGRITY_VIOLATION": ("x6", 7, 5),
    "OPERATIONAL_VIOLATION": ("x7", 8, 8),
    "PHYSICAL_VIOLATION": ("x8", 9, 9),
    "SECURITY_SERVICE_OR_MECHANISM_VIOLATION": ("x9", 10, 13),
    "TIME_DOMAIN_VIOLATION": ("x10", 11, 15),
}
SEVERITIES: Final = ("CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE", "CLEARED")

_DATA = json.loads(resources.files("acs.alarms").joinpath("probable_causes.json").read_text(encoding="utf-8"))
PROBABLE_CAUSES: Final[dict[str, int]] = _DATA["probable_causes"]
"""Name to numeric code (TS 32.111-3)."""
_SECURITY_CAUSES: dict[str, list[str]] = _DATA["security_causes"]
SECURITY_EVENT_TYPES: Final = frozenset(_SECURITY_CAUSES)

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^A-Z0-9]+")
_SPELLINGS = {
    "AUTHORIZED": "AUTHORISED",
    "UNAUTHORIZED": "UNAUTHORISED",
    "SYNCHRONISATION": "SYNCHRONIZATION",
}


def _normal(text: str) -> str:
    words = _OTHER.sub("_", _CAMEL.sub("_", text.strip()).upper()).strip("_")
    return "_".join(_SPELLINGS.get(word, word) for word in words.split("_"))


_EVENT_TYPE_WORDS = {
    **{name: name for name in EVENT_TYPES},
    **{name.removesuffix("_ALARM"): name for name in EVENT_TYPES},
    **{irp.upper(): name for name, (irp, _, _) in EVENT_TYPES.items()},
    **{str(iana): name for name, (_, iana, _) in EVENT_TYPES.items()},
    # "QOS", and what "QoS" comes to between camel case and words
    **dict.fromkeys(("QOS_ALARM", "QO_S_ALARM", "QO_SALARM", "QOS", "QO_S"), "QUALITY_OF_SERVICE_ALARM"),
    "SECURITY_VIOLATION": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "SECURITY_SERVICE_VIOLATION": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
}
_CAUSE_BY_CODE = {str(code): name for name, code in PROBABLE_CAUSES.items()}
# Severities that real devices send in place of the six.
_SEVERITY_WORDS = {
    **{name: name for name in SEVERITIES},
    "CLEAR": "CLEARED",
    "NORMAL": "CLEARED",
    "INFO": "WARNING",
    "INFORMATIONAL": "WARNING",
    "INTERMEDIATE": "MINOR",
    "UNKNOWN": "INDETERMINATE",
    "": "INDETERMINATE",
}


@lru_cache(maxsize=1024)
def event_type(text: str) -> str:
    """Return the canonical event type, or the text in canonical spelling when it is none of the ten."""
    normal = _normal(text)
    return _EVENT_TYPE_WORDS.get(normal, normal)


@lru_cache(maxsize=1024)
def probable_cause(text: str) -> tuple[str, int | None]:
    """Return canonical name and numeric code; of an unknown cause its canonical spelling and None."""
    normal = _normal(text)
    name = _CAUSE_BY_CODE.get(normal, normal)
    if name not in PROBABLE_CAUSES and name.removesuffix("_ALARM") in PROBABLE_CAUSES:
        name = name.removesuffix("_ALARM")
    return name, PROBABLE_CAUSES.get(name)


@lru_cache(maxsize=256)
def severity(text: str) -> str:
    """Return one of ``SEVERITIES``; what is none of them is INDETERMINATE."""
    return _SEVERITY_WORDS.get(_normal(text), "INDETERMINATE")


def is_security(name: str) -> bool:
    """Tell whether a canonical event type is one of the five security event types (X.736)."""
    return name in SECURITY_EVENT_TYPES
