"""What a data model says of a parameter beside the rules for its value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from acs.datamodel.spec import ParameterSpec

__all__ = ["About", "about", "attributes_of"]

_SAFE = "/:;,.{}#()[]'\"!?+&$@*<>^~|-_ÄÖÜäöüß°µ"
_FLAGS = {"hidden": "h", "secured": "s", "command": "c", "forced_inform": "f"}
_WORDS = {
    "default": "d",
    "default_type": "dt",
    "units": "u",
    "data_type": "t",
    "refers_to": "r",
    "enumeration_of": "e",
    "active_notify": "n",
    "status": "x",
    "version": "v",
    "previous": "p",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is worth knowing of a parameter; empty words are those the model does not say.

    ``refers_to`` is the path that a reference points into, ``enumeration_of`` the parameter whose value is
    the list of allowed values, ``active_notify`` one of canDeny, forceEnabled, forceDefaultEnabled
    (TR-106 Annex A), ``previous`` the parameter that this one takes the place of.
    """

    hidden: bool = False
    secured: bool = False
    command: bool = False
    forced_inform: bool = False
    default: str | None = None
    default_type: str = ""
    units: str = ""
    data_type: str = ""
    refers_to: str = ""
    enumeration_of: str = ""
    active_notify: str = ""
    status: str = ""
    version: str = ""
    previous: str = ""


def about(spec: ParameterSpec) -> About:
    """Return what the model says of a parameter beside the rules."""
    given = dict(_pairs(spec.attributes))
    flags = {name: mark in given.get("is", "") for name, mark in _FLAGS.items()}
    for word in ("hidden", "secured", "command"):
        flags[word] = flags[word] or word in spec.type.split()
    words = {name: unquote(given[mark]) for name, mark in _WORDS.items() if mark in given}
    return About(**flags, **words)  # type: ignore[arg-type]  # the names are those of the fields


def attributes_of(facts: Mapping[str, object]) -> str:
    """Return fields of ``About`` in the form that a compact model keeps them in."""
    flags = "".join(mark for name, mark in _FLAGS.items() if facts.get(name))
    pairs = [f"is={flags}"] if flags else []
    for name, mark in _WORDS.items():
        value = facts.get(name)
        if value or (name == "default" and value is not None):
            pairs.append(f"{mark}={quote(str(value), safe=_SAFE)}")
    return " ".join(pairs)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (each.partition("=") for each in text.split(" ") if each)]
