"""A data model: the objects and parameters a device may have, found by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

import device_models
from acs.datamodel.compact import Compact, ObjectSpec, ProfileSpec, parse
from acs.datamodel.spec import ParameterSpec, Problem
from acs.errors import AcsError

__all__ = ["Model", "composed", "load_model", "packaged_names", "pattern_of", "rerooted"]

_INSTANCE = re.compile(r"\.(?:\d+|\[[^\]]*\])(?=\.|\Z)", re.ASCII)
_COMPOSED = {
    "henb": ("device2-hems", "fapservice-2"),
    "henb-issue-1": ("device1-fap", "fapservice-1"),
    "henb-igd": (
        "igd-hems",
        "fapservice-1@InternetGatewayDevice.Services.",
        "fapservice-2@InternetGatewayDevice.Services.",
    ),
    "femto": ("device1-fap", "device2-hems", "fapservice-1", "fapservice-2", "fapservice-nr", "secmon"),
}
_LONGEST = 256  # characters of a path (TR-069 A.2.1)
_SERVICES = "Device.Services."


def pattern_of(path: str) -> str:
    """Return ``path`` with each instance number replaced by ``{i}``."""
    return _INSTANCE.sub(".{i}", path)


class Model:
    """An immutable data model; ``parameters`` and ``objects`` by their ``{i}`` path."""

    def __init__(
        self,
        name: str,
        objects: Iterable[ObjectSpec],
        parameters: Iterable[ParameterSpec],
        *,
        profiles: Iterable[ProfileSpec] = (),
        sources: Iterable[tuple[Mapping[str, str], frozenset[str]]] = (),
    ) -> None:
        self.name = name
        self.profiles = tuple(profiles)
        self._sources = tuple(sources)
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

    def extended(self, other: Model) -> Model:
        """Return this model with all that ``other`` has, which counts where both define something."""
        return Model(
            f"{other.name} over {self.name}",
            [*self.objects.values(), *other.objects.values()],
            [*self.parameters.values(), *other.parameters.values()],
            profiles=[*self.profiles, *other.profiles],
            sources=[*self._sources, *other._sources],
        )

    @property
    def documents(self) -> list[str]:
        """The ``spec`` of the documents it is made of."""
        return list(dict.fromkeys(head["document"] for head, _ in self._sources if head.get("document")))

    def source(self, path: str) -> Mapping[str, str]:
        """Return what is known of the file that defines an object or parameter (``{i}`` path): its head."""
        holder = path if path.endswith(".") else path[: path.rfind(".") + 1]
        return next((head for head, paths in reversed(self._sources) if holder in paths), {})

    def profiles_of(self, path: str) -> list[str]:
        """Return the names of the profiles that an object or parameter (``{i}`` path) belongs to."""
        return [each.name for each in self.profiles if path in each.parameters or path in each.objects]

    def nearest(self, path: str, *, anywhere: bool = True) -> list[str]:
        """Return up to three paths that look like this one, which the model does not have.

        They are of the same object; if none is, of the whole model, which takes some tenths of a second.
        """
        pattern = pattern_of(path)
        holder, name = pattern[: pattern.rstrip(".").rfind(".") + 1], pattern.rstrip(".").rpartition(".")[2]
        below = {each.rstrip(".").rpartition(".")[2]: each for each in self.children(holder)}
        near = [below[each] for each in get_close_matches(name, below, n=3, cutoff=0.6)]
        if near or not anywhere or len(path) > _LONGEST:
            return near
        ends = {each.rpartition(".")[2]: each for each in self.parameters}
        same = [ends[name]] if name in ends else []
        found = get_close_matches(pattern, list(self.parameters) + list(self.objects), n=3, cutoff=0.8)
        return list(dict.fromkeys(same + found))[:3]

    def misses(self, path: str) -> bool:
        """Return whether the model has the object that ``path`` is in, and nothing of this name in it.

        Of what a vendor added (``X_``) no model says that it is not there.
        """
        holder = pattern_of(path)
        while holder:
            end = holder.rstrip(".").rfind(".") + 1
            name, holder = holder[end:], holder[:end]
            if name.startswith("X_"):
                return False
            if holder in self.objects:
                return True
        return False

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
        return spec.check_set(value)


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


@lru_cache(maxsize=16)
def load_model(name: str) -> Model:
    """Return the model ``henb`` (Device:2 with TR-196 Issue 2), ``henb-issue-1``, or one packaged file's.

    Raises ``AcsError`` for an unknown name.
    """
    return composed(name, [_packaged(part) for part in _COMPOSED.get(name, (name,))])


def packaged_names() -> list[str]:
    """Return the names of all packaged models, those that are put together from files first."""
    return [*_COMPOSED, *device_models.model_names()]


def composed(name: str, parts: Iterable[Compact]) -> Model:
    """Return the model that has what any of ``parts`` has; of two definitions the later counts."""
    parts = list(parts)
    return Model(
        name,
        [each for part in parts for each in part.objects],
        [each for part in parts for each in part.parameters],
        profiles=[each for part in parts for each in part.profiles],
        sources=[(part.head, frozenset(each.path for each in part.objects)) for part in parts],
    )


def rerooted(part: Compact, old: str, new: str) -> Compact:
    """Return a model with everything below ``old`` moved to ``new``."""

    def moved(path: str) -> str:
        return new + path[len(old) :] if path.startswith(old) else path

    return Compact(
        part.head,
        tuple(replace(each, path=moved(each.path)) for each in part.objects),
        tuple(replace(each, path=moved(each.path)) for each in part.parameters),
        tuple(
            replace(
                each,
                objects={moved(path): word for path, word in each.objects.items()},
                parameters={moved(path): word for path, word in each.parameters.items()},
            )
            for each in part.profiles
        ),
    )


def _packaged(part: str) -> Compact:
    name, _, root = part.partition("@")
    try:
        text = device_models.read(f"{name}.model")
    except FileNotFoundError:
        known = ", ".join(packaged_names())
        raise AcsError(f"there is no data model {name!r}; known are {known}") from None
    found = parse(text, f"the packaged model {name}")
    return rerooted(found, _SERVICES, root) if root else found
