"""All profiles of a process, and which one holds for a device.

Those of the operator (``profiles/*.yaml`` in the data directory) come before those that are shipped. Among
several that fit, the one whose pattern says most holds: more fields without a wildcard, then more fields that
are not ``*``, then more characters. Two that say equally much and may fit one device are refused as they are
loaded, with the names of both files; so a device never waits for that question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import device_models
from acs.datamodel.matching import Identified, Match
from acs.datamodel.profile import STANDARD, Profile
from acs.documents import read_yaml
from acs.errors import AcsError

__all__ = [
    "Found",
    "ProfileFile",
    "Profiles",
    "install_profiles",
    "installed_profiles",
    "load_profiles",
    "parse_profile",
    "profile_for",
    "read_profile",
]

_KINDS = 4096  # kinds of devices whose profile is remembered
_MOST_BYTES = 1024 * 1024  # of one file
_DEPTH = 8  # profiles that extend each other


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile as its file says it, before what it extends is filled in."""

    source: str
    shipped: bool
    fields: Mapping[str, Any]
    examples: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The profile's name."""
        return str(self.fields.get("name", ""))


@dataclass(frozen=True, slots=True)
class Found:
    """A profile with the file it is from."""

    profile: Profile
    file: ProfileFile


def parse_profile(text: str, source: str, *, shipped: bool = False) -> ProfileFile:
    """Parse a profile's YAML. Raises ``AcsError`` naming ``source`` and the place."""
    raw = read_yaml(text, f"the profile {source}")
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise AcsError(f"the profile {source} is no mapping of fields")
    fields = dict(raw)
    examples = fields.pop("examples", [])
    if not isinstance(examples, list):
        raise AcsError(f"the profile {source}: examples is no list")
    fields.setdefault("name", Path(source).stem)
    file = ProfileFile(source, shipped, fields, tuple(examples))
    _convert({key: value for key, value in fields.items() if key != "extends"}, source)
    return file


def _convert(fields: Mapping[str, Any], source: str) -> Profile:
    try:
        profile = msgspec.convert(dict(fields), Profile)
    except msgspec.ValidationError as error:
        raise AcsError(f"the profile {source}: {error}") from error
    if profile.get_batch < 1 or profile.set_batch < 1:
        raise AcsError(f"the profile {source}: a batch has at least 1 parameter")
    return profile


class Profiles:
    """A set of profiles that never changes. Raises ``AcsError`` where it is not clear which of two holds."""

    def __init__(self, files: Iterable[ProfileFile]) -> None:
        files = list(files)
        _refuse_twice(files)
        self._shipped = {each.name: each for each in files if each.shipped}
        # A profile of the operator takes the place of the shipped one of its name.
        self._files = {**self._shipped, **{each.name: each for each in files if not each.shipped}}
        self._found = {
            name: Found(_convert(self._merged(file), file.source), file) for name, file in self._files.items()
        }
        _refuse_rivals(list(self._found.values()))
        self._remembered = lru_cache(maxsize=_KINDS)(self._choose)

    @property
    def all(self) -> tuple[Found, ...]:
        """Every profile, in order of the names."""
        return tuple(self._found[name] for name in sorted(self._found))

    def get(self, name: str) -> Found:
        """Return the profile of a name. Raises ``AcsError`` when there is none."""
        found = self._found.get(name)
        if found is None:
            raise AcsError(f"there is no profile {name!r}; known are {', '.join(sorted(self._found))}")
        return found

    def of(self, device: Identified) -> Profile:
        """Return the profile that holds for a device; that of a kind of device is chosen once."""
        found = self._remembered(
            device.oui,
            device.manufacturer,
            device.product_class,
            device.software_version,
            device.hardware_version,
        )
        return found.profile if found is not None else STANDARD

    def explain(self, device: Identified) -> list[tuple[Found, Match]]:
        """Return all profiles that fit a device with the pattern that does, the one that holds first."""
        fitting = [
            (each, max(matches, key=lambda match: match.specificity))
            for each in self._found.values()
            if (matches := [match for match in each.profile.match if match.fits(device)])
        ]
        return sorted(fitting, key=lambda pair: (not pair[0].file.shipped, pair[1].specificity), reverse=True)

    def _choose(self, *identity: str) -> Found | None:
        fitting = self.explain(_Kind(*identity))
        return fitting[0][0] if fitting else self._found.get(STANDARD.name)

    def _merged(self, file: ProfileFile, depth: int = 0) -> dict[str, Any]:
        """Return the fields of a profile over those of the profile it extends."""
        fields = dict(file.fields)
        base = fields.pop("extends", None)
        if base is None:
            return fields
        if depth >= _DEPTH:
            raise AcsError(f"the profile {file.source}: profiles extend each other in a circle")
        parent = (self._shipped if base == file.name else self._files).get(base)
        if parent is None or parent is file:
            known = ", ".join(sorted(self._files))
            raise AcsError(f"the profile {file.source} extends {base!r}, which is none of {known}")
        inherited = self._merged(parent, depth + 1)
        if base != file.name:  # whom it is for and what it is about are a profile's own
            inherited.pop("match", None)
            inherited.pop("description", None)
        aliases = {**inherited.get("aliases", {}), **fields.get("aliases", {})}
        return {**inherited, **fields, **({"aliases": aliases} if aliases else {})}


class _Kind(NamedTuple):
    """What tells one kind of device from another."""

    oui: str
    manufacturer: str
    product_class: str
    software_version: str
    hardware_version: str


def _refuse_twice(files: list[ProfileFile]) -> None:
    seen: dict[tuple[str, bool], ProfileFile] = {}
    for file in files:
        first = seen.setdefault((file.name, file.shipped), file)
        if first is not file:
            raise AcsError(f"the profiles {first.source} and {file.source} have one name, {file.name}")


def _refuse_rivals(found: list[Found]) -> None:
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            if one.file.shipped == other.file.shipped and any(
                mine.rivals(theirs) for mine in one.profile.match for theirs in other.profile.match
            ):
                raise AcsError(
                    f"the profiles {one.file.source} and {other.file.source} may fit the same device and"
                    " neither says more; make the pattern of one of them more particular"
                )


def load_profiles(data: Path | None = None) -> Profiles:
    """Return the shipped profiles and those in ``profiles`` below the data directory.

    Raises ``AcsError`` naming the file that can't be read or is wrong, or the two between which it is unclear
    which one holds.
    """
    files = [
        parse_profile(device_models.read(f"profiles/{name}.yaml"), f"{name}.yaml (shipped)", shipped=True)
        for name in device_models.profile_names()
    ]
    directory = data / "profiles" if data is not None else None
    if directory is not None and directory.is_dir():
        files += [read_profile(path) for path in sorted(directory.glob("*.yaml"))]
    return Profiles(files)


def read_profile(path: Path) -> ProfileFile:
    """Read a profile of the operator. Raises ``AcsError`` naming the file."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AcsError(f"the profile {path} is larger than {_MOST_BYTES} bytes")
        return parse_profile(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise AcsError(f"can't read the profile {path}: {error}") from error


_installed: Profiles | None = None


def install_profiles(profiles: Profiles | None) -> None:
    """Make these the profiles of the process, as ``profile_for`` sees them; None: those that are shipped."""
    global _installed  # noqa: PLW0603 - one set of profiles a process, as there is one log
    _installed = profiles


def installed_profiles() -> Profiles:
    """Return the profiles of the process."""
    return _installed if _installed is not None else _only_shipped()


@cache
def _only_shipped() -> Profiles:
    return load_profiles()


def profile_for(device: Identified) -> Profile:
    """Return the profile that holds for a device: ``profile_for(device).get_batch``.

    ``device`` is an ``acs.devices.Device`` or anything that has its ``oui``, ``manufacturer``,
    ``product_class``, ``software_version`` and ``hardware_version``. Never fails and costs less than a
    microsecond or two: the choice is remembered per kind of device, and a profile never changes while the
    process runs. It does change for a device as its SoftwareVersion does: a playbook, which is replayed,
    must take what it decides by it from the result of a step.
    """
    return installed_profiles().of(device)
