"""A data model: the objects and parameters a device may have, found by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import device_models
from acs.datamodel.spec import ParameterSpec, Problem
from acs.errors import AcsError

__all__ = ["Model", "ObjectSpec", "load_model", "pattern_of"]

_INSTANCE = re.compile(r"\.(?:\d+|\[[^\]]*\])(?=\.|\Z)")
_RANGE = re.compile(r"(-?\d+)?\.\.(-?\d+)?")
_LENGTH = re.compile(r"max (\d+)")
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
        self.objects: Mapping[str, ObjectSpec] = {each.path: each for each in objects}
        self.parameters: Mapping[str, ParameterSpec] = {each.path: each for each in parameters}
        self._below: dict[str, list[ParameterSpec]] = {}
        for spec in self.parameters.values():
            self._below.setdefault(spec.path[: spec.path.rindex(".") + 1], []).append(spec)

    def spec(self, path: str) -> ParameterSpec | None:
        """Return what is known of the parameter at ``path``, which may have instance numbers in it."""
        return self.parameters.get(path) or self.parameters.get(pattern_of(path))

    def object(self, path: str) -> ObjectSpec | None:
        """Return what is known of the object at ``path``, which ends with a dot."""
        return self.objects.get(path) or self.objects.get(pattern_of(path.rstrip(".")) + ".")

    def parameters_of(self, object_path: str) -> list[ParameterSpec]:
        """Return the parameters directly below an object's ``{i}`` path."""
        return self._below.get(object_path, [])

    def check(self, path: str, value: str) -> Problem | None:
        """Return why ``path`` can't be set to ``value``: unknown 9005, read-only 9008, bad value 9007."""
        spec = self.spec(path)
        if spec is None:
            return Problem(9005, f"the model {self.name} has no parameter {path[:256]}")
        if not spec.writable:
            return Problem(9008, f"{path} can't be written")
        return spec.check(value)


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
        length = _LENGTH.search(limits)
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
