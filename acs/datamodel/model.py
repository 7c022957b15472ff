"""A data model: the objects and parameters a device may have, found by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import device_models
from acs.datamodel.spec import ParameterSpec, Problem
from acs.errors import AcsError

__all__ = ["Model", "ObjectSpec", "load_model", "pattern_of"]

_INSTANCE = re.compile(r"\.(?:\d+|\[[^\]]*\])(?=\.|\Z)", re.ASCII)
_RANGE = re.compile(r"(-?\d+)?\.\.(-?\d+)?")
_LENGTH = re.compile(r"max (\d+)")
_ITEM_LENGTH = re.compile(r"item (\d+)")
_COMPOSED = {
    "henb": ("device2-hems", "fapservice-2"),
    "henb-issue-1": ("device1-fap", "fapservice-1"),
}


def pattern_of(path: str) -> str:
    """Return ``path`` with each instance number replaced by ``{i}``."""
    return _INSTANCE.sub(".{i}", path)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """An object: its ``{i}`` path and whether instances may be added and deleted."""

    path: str
    writable: bool

    @property
    def multiple(self) -> bool:
        """Whether it has numbered instances."""
        return self.path.endswith("{i}.")


class Model:
    """An immutable data model; ``parameters`` and ``objects`` by their ``{i}`` path."""

    def __init__(self, name: str, objects: Iterable[ObjectSpec], parameters: Iterable[ParameterSpec]) -> None:
        self.name = name
        self.objects: Mapping[str, ObjectSpec] = MappingProxyType({each.path: each for each in objects})
        self.parameters: Mapping[str, ParameterSpec] = MappingProxyType(
            {each.path: each for each in parameters}
        )
        below: dict[str, list[ParameterSpec]] = {}
        for spec in self.parameters.values():
            below.setdefault(_parent(spec.path), []).append(spec)
        self._below = {path: tuple(specs) for path, specs in below.items()}
        self._children = _children(self.objects, self.parameters)

    def spec(self, path: str) -> ParameterSpec | None:
        """Return what is known of the parameter at ``path``, which may have instance numbers in it."""
        return self.parameters.get(path) or self.parameters.get(pattern_of(path))

    def object(self, path: str) -> ObjectSpec | None:
        """Return what is known of the object at ``path``, which ends with a dot."""
        return self.objects.get(path) or self.objects.get(pattern_of(path.rstrip(".")) + ".")

    def parameters_of(self, object_path: str) -> tuple[ParameterSpec, ...]:
        """Return the parameters directly below an object's ``{i}`` path."""
        return self._below.get(object_path, ())

    def children(self, path: str) -> tuple[str, ...]:
        """Return the objects (they end with a dot) and parameters directly below the object ``path``.

        Instance numbers of ``path`` are kept; a table is the one child ``Table.{i}.`` of its parent. The
        empty path has the roots, an unknown one has nothing.
        """
        pattern = pattern_of(path.rstrip(".")) + "." if path else ""
        base = path if not path or path.endswith(".") else path + "."
        return tuple(base + name for name in self._children.get(pattern, ()))

    def check(self, path: str, value: str, kind: str = "") -> Problem | None:
        """Return why ``path`` can't be set to ``value``, None when it can (fault codes of TR-069 A.5.1).

        Unknown, or not one parameter but a ``{i}`` path: 9005; ``kind``, its declared type such as
        ``xsd:boolean``, is not the model's (empty: not declared): 9006; bad value: 9007; read-only: 9008.
        """
        spec = self.spec(path)
        if spec is None or "{" in path:
            return Problem(9005, f"the model {self.name} has no parameter {path[:256]}")
        if not spec.writable:
            return Problem(9008, f"{path} can't be written")
        if kind and not spec.accepts_type(kind):
            return Problem(9006, f"{path} is {spec.xsd_type}, not {kind[:40]}")
        return spec.check(value)


def _parent(path: str) -> str:
    """Return the path of the object that holds a parameter or an object; a row's is its table's holder."""
    plain = path.removesuffix(".").removesuffix(".{i}")
    return plain[: plain.rfind(".") + 1]


def _children(*paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the names directly below each object, with the objects that only their children tell of."""
    found: dict[str, dict[str, None]] = {}
    for path in (each for group in paths for each in group):
        current = path
        while current:
            parent = _parent(current)
            names = found.setdefault(parent, {})
            if current[len(parent) :] in names:
                break
            names[current[len(parent) :]] = None
            current = parent
    return {parent: tuple(names) for parent, names in found.items()}


def _parse(text: str) -> tuple[list[ObjectSpec], list[ParameterSpec]]:
    objects: list[ObjectSpec] = []
    parameters: list[ParameterSpec] = []
    current = ""
    for line in text.splitlines():
        if not line.startswith("\t"):
            current, _, access = line.partition("\t")
            objects.append(ObjectSpec(current, access == "W"))
            continue
        fields = line[1:].split("\t")
        name, kind, access, values, limits = [*fields, "", "", "", ""][:5]
        length, item_length = _LENGTH.search(limits), _ITEM_LENGTH.search(limits)
        ranges = tuple(
            (int(low) if low else None, int(high) if high else None)
            for low, high in _RANGE.findall(limits.partition("range")[2])
        )
        parameters.append(
            ParameterSpec(
                path=current + name,
                type=kind,
                access=access or "R",
                values=tuple(values.split("|")) if values else (),
                ranges=ranges,
                maximum_length=int(length[1]) if length else None,
                maximum_item_length=int(item_length[1]) if item_length else None,
            )
        )
    return objects, parameters


@lru_cache(maxsize=16)
def load_model(name: str) -> Model:
    """Return the model ``henb`` (Device:2 with TR-196 Issue 2), ``henb-issue-1``, or one packaged file's.

    Raises ``AcsError`` for an unknown name.
    """
    objects: list[ObjectSpec] = []
    parameters: list[ParameterSpec] = []
    for part in _COMPOSED.get(name, (name,)):
        try:
            text = device_models.read(f"{part}.model")
        except FileNotFoundError:
            known = ", ".join([*_COMPOSED, *device_models.model_names()])
            raise AcsError(f"there is no data model {name!r}; known are {known}") from None
        more_objects, more_parameters = _parse(text)
        objects += more_objects
        parameters += more_parameters
    return Model(name, objects, parameters)
