"""The compact form of data models (``*.model``): text, quick to read, some nine times smaller than the XML.

Lines that begin with ``#`` say what the model is: ``#key<TAB>value``. An object is one line: its ``{i}``
path, ``W`` where instances may be added (else ``R``), attributes. A parameter is a line below its object that
begins with a tab; its tab-separated fields are name, type, access (``R``, ``W``, ``O`` write once),
enumeration (``a|b``; ``%!`` marks a value that only the device takes on), limits, patterns, attributes.
Limits are ``max`` and ``item`` (lengths), ``size`` (all lengths allowed), ``items`` (of a list) and
``range``, whose parts may end with ``/step``. A profile is a line ``@name:version`` with, below it, a line
for each object: path, requirement, and parameters (``W`` after ``=``: readWrite). Texts are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from acs.datamodel.spec import Bound, ParameterSpec
from acs.errors import AcsError

__all__ = ["Compact", "ObjectSpec", "ProfileSpec", "dump", "parse"]

_ESCAPES = {"%": "%25", "|": "%7C", "\t": "%09", "\n": "%0A", "\r": "%0D"}
_FIXED = "%!"


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """An object: its ``{i}`` path, whether instances may be added and deleted, and what counts them.

    ``counter`` is the parameter of its parent that tells the number of instances, ``unique_keys`` are
    parameters that together differ between instances, ``entries`` how many there may be (None: any number).
    """

    path: str
    writable: bool
    counter: str = ""
    unique_keys: tuple[tuple[str, ...], ...] = ()
    entries: tuple[int, int | None] | None = None
    enable: str = ""
    status: str = ""
    version: str = ""

    @property
    def multiple(self) -> bool:
        """Whether it has numbered instances."""
        return self.path.endswith("{i}.")


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """A profile of a model: what a device has to have that claims it (TR-106 Annex A).

    ``objects`` maps ``{i}`` paths to their requirement (present, create, delete, createDelete),
    ``parameters`` maps those of parameters to readOnly or readWrite.
    """

    name: str
    objects: Mapping[str, str]
    parameters: Mapping[str, str]
    status: str = ""


@dataclass(frozen=True, slots=True)
class Compact:
    """What is in one file: ``head`` says what it is, then the content in the order of the file."""

    head: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[ObjectSpec, ...] = ()
    parameters: tuple[ParameterSpec, ...] = ()
    profiles: tuple[ProfileSpec, ...] = ()


def parse(text: str, source: str = "the model") -> Compact:
    """Read the compact form. Raises ``AcsError`` naming ``source`` and the line."""
    head: dict[str, str] = {}
    objects: list[ObjectSpec] = []
    parameters: list[ParameterSpec] = []
    profiles: list[ProfileSpec] = []
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            if line.startswith("#"):
                key, _, value = line[1:].partition("\t")
                head[key] = value
            elif line.startswith("@"):
                name, _, status = line[1:].partition("\t")
                profiles.append(ProfileSpec(name, {}, {}, status))
            elif not line.startswith("\t"):
                objects.append(_object(line))
                current = objects[-1].path
            elif profiles:
                _require(profiles[-1], line[1:])
            else:
                parameters.append(_parameter(current, line[1:]))
        except (ValueError, InvalidOperation) as error:
            raise AcsError(f"{source}, line {number}: {error}; import the model again") from error
    return Compact(head, tuple(objects), tuple(parameters), tuple(profiles))


def dump(model: Compact) -> str:
    """Write the compact form."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Compact) -> Iterator[str]:
    yield from (f"#{key}\t{' '.join(value.split())}" for key, value in model.head.items() if value)
    below: dict[str, list[ParameterSpec]] = {}
    for spec in model.parameters:
        below.setdefault(spec.path[: spec.path.rfind(".") + 1], []).append(spec)
    for each in model.objects:
        yield f"{each.path}\t{'W' if each.writable else 'R'}\t{_object_attributes(each)}".rstrip("\t")
        for spec in below.pop(each.path, ()):
            yield _parameter_line(spec)
    for path, specs in below.items():
        yield f"{path}\tR"
        yield from map(_parameter_line, specs)
    for profile in model.profiles:
        yield f"@{profile.name}\t{profile.status}".rstrip("\t")
        yield from _requirements(profile)


# --- objects --------------------------------------------------------------------------------


def _object_attributes(each: ObjectSpec) -> str:
    words = {
        "n": each.counter,
        "k": "|".join(",".join(key) for key in each.unique_keys),
        "e": _span(each.entries) if each.entries and each.entries != (0, None) else "",
        "on": each.enable,
        "x": each.status,
        "v": each.version,
    }
    return " ".join(f"{name}={value}" for name, value in words.items() if value)


def _object(line: str) -> ObjectSpec:
    path, access, attributes, *_ = [*line.split("\t"), "", ""]
    if not attributes:
        return ObjectSpec(path, access == "W")
    words = dict(each.split("=", 1) for each in attributes.split(" "))
    keys = tuple(tuple(key.split(",")) for key in words.get("k", "").split("|") if key)
    entries = _lengths(words["e"])[0] if "e" in words else None
    return ObjectSpec(
        path,
        access == "W",
        words.get("n", ""),
        keys,
        entries,
        words.get("on", ""),
        words.get("x", ""),
        words.get("v", ""),
    )


# --- parameters -----------------------------------------------------------------------------


def _parameter_line(spec: ParameterSpec) -> str:
    fields = (
        spec.path[spec.path.rfind(".") + 1 :],
        spec.type,
        spec.access,
        "|".join(_escape(each) + (_FIXED if each in spec.fixed else "") for each in spec.values),
        _limits(spec),
        "|".join(map(_escape, spec.patterns)) + ("|" if spec.patterns == ("",) else ""),
        spec.attributes,
    )
    return ("\t" + "\t".join(fields)).rstrip("\t")


def _limits(spec: ParameterSpec) -> str:
    parts: list[str] = []
    if spec.maximum_length is not None:
        parts.append(f"max {spec.maximum_length}")
    if spec.maximum_item_length is not None:
        parts.append(f"item {spec.maximum_item_length}")
    if spec.lengths:
        parts.append("size " + ",".join(map(_span, spec.lengths)))
    if spec.items is not None:
        parts.append("items " + _span(spec.items))
    if spec.ranges:
        steps = spec.steps or (0,) * len(spec.ranges)
        spans = [
            _span(each) + (f"/{step}" if step else "") for each, step in zip(spec.ranges, steps, strict=True)
        ]
        parts.append("range " + ",".join(spans))
    return " ".join(parts)


def _parameter(current: str, line: str) -> ParameterSpec:
    name, kind, access, values, limits, patterns, attributes, *_ = [*line.split("\t"), *[""] * 7]
    path, access = current + name, access or "R"
    if not (values or limits or patterns):
        return ParameterSpec(path, kind, access, attributes=attributes)
    tokens = values.split("|") if values else []
    bounds = dict(zip(*[iter(limits.split())] * 2, strict=True))
    ranges = bounds["range"].split(",") if "range" in bounds else []
    steps = tuple(int(each.partition("/")[2] or 0) for each in ranges)
    return ParameterSpec(
        path,
        kind,
        access,
        tuple(_unescape(each.removesuffix(_FIXED)) for each in tokens),
        tuple(_range(each.partition("/")[0]) for each in ranges),
        int(bounds["max"]) if "max" in bounds else None,
        int(bounds["item"]) if "item" in bounds else None,
        tuple(_unescape(each.removesuffix(_FIXED)) for each in tokens if each.endswith(_FIXED)),
        steps if any(steps) else (),
        _lengths(bounds["size"]) if "size" in bounds else (),
        _lengths(bounds["items"])[0] if "items" in bounds else None,
        tuple(dict.fromkeys(map(_unescape, patterns.split("|")))) if patterns else (),
        attributes,
    )


def _range(text: str) -> tuple[Bound, Bound]:
    low, mark, high = text.partition("..")
    if not mark:
        raise ValueError(f"{text!r} is no range")
    return _bound(low), _bound(high)


def _bound(text: str) -> Bound:
    if not text:
        return None
    return Decimal(text) if "." in text else int(text)


def _lengths(text: str) -> tuple[tuple[int, int | None], ...]:
    parts = [each.partition("..") for each in text.split(",")]
    return tuple((int(low or 0), int(high) if high else None) for low, _, high in parts)


def _span(bounds: tuple[Bound, Bound]) -> str:
    return f"{'' if bounds[0] is None else bounds[0]}..{'' if bounds[1] is None else bounds[1]}"


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    for letter, mark in reversed(_ESCAPES.items()):
        text = text.replace(mark, letter)
    return text


# --- profiles -------------------------------------------------------------------------------


def _requirements(profile: ProfileSpec) -> Iterator[str]:
    below: dict[str, list[str]] = {path: [] for path in profile.objects}
    for path, requirement in profile.parameters.items():
        holder, name = path[: path.rfind(".") + 1], path[path.rfind(".") + 1 :]
        below.setdefault(holder, []).append(name + ("=W" if requirement == "readWrite" else ""))
    for path, names in below.items():
        yield f"\t{path}\t{profile.objects.get(path, '')}\t{' '.join(names)}".rstrip("\t")


def _require(profile: ProfileSpec, line: str) -> None:
    path, requirement, names, *_ = [*line.split("\t"), "", ""]
    objects, parameters = profile.objects, profile.parameters
    assert isinstance(objects, dict)
    assert isinstance(parameters, dict)
    if requirement:
        objects[path] = requirement
    for each in names.split():
        name, _, access = each.partition("=")
        parameters[path + name] = "readWrite" if access else "readOnly"


def names(profiles: Iterable[ProfileSpec], path: str) -> list[str]:
    """Return the names of the profiles that have the parameter or object of this ``{i}`` path."""
    return [each.name for each in profiles if path in each.parameters or path in each.objects]
