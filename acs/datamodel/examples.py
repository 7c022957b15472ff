"""The test vectors of a profile: what is set and must be sent then, what is told and what it means.

examples:
- device: { oui: 0005B9, product_class: HeNB-LTE }   # a device the profile must hold for
want: { cell.admin_state: "true" }                 # canonical values, or
set: [{ name: Device.X, value: "1", type: "xsd:boolean" }]
sent: [{ Device.Services.FAPService.1.FAPControl.LTE.AdminState: "true" }]  # one mapping a message
told: { Device.FAP.GPS.LockedLatitude: "52520000" }
means: { gps.latitude: "52.52" }
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from acs.cwmp import messages as m
from acs.datamodel.canonical import place_of, view
from acs.datamodel.conversion import set_batches, spelled, to_device
from acs.datamodel.matching import Match
from acs.datamodel.model import packaged_names
from acs.datamodel.profile import Profile
from acs.datamodel.profiles import Found, Profiles
from acs.errors import AcsError

__all__ = ["check_examples"]


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: str
    type: str = "xsd:string"


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    oui: str = ""
    manufacturer: str = ""
    product_class: str = ""
    software_version: str = ""
    hardware_version: str = ""


class _Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: _Device | None = None
    root: str = "Device."
    want: dict[str, str] = {}
    set: list[_Value] = []
    sent: list[dict[str, str]] = []
    told: dict[str, str] = {}
    means: dict[str, str] = {}


def check_examples(found: Found, profiles: Profiles, imported: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a profile and its examples, in sentences; to have no example is wrong.

    ``imported`` are the names of data models that are there beside the packaged ones.
    """
    profile = found.profile
    problems = []
    models = [*packaged_names(), *imported]
    if profile.model and profile.model not in models:
        problems.append(
            f"there is no data model {profile.model!r}; known are {', '.join(models)}; another is brought by"
            " acs model import"
        )
    if not found.file.examples:
        problems.append("it has no example")
    if any(match == Match() for match in profile.match):
        problems.append("a match without any pattern fits every device; extend standard by its name instead")
    for name in profile.aliases:
        try:
            place_of(profile, name)
        except AcsError as error:
            problems.append(str(error))
    for number, raw in enumerate(found.file.examples, 1):
        try:
            example = msgspec.convert(raw, _Example)
            wrong = _check(profile, example, profiles)
        except (msgspec.ValidationError, AcsError) as error:
            wrong = [str(error)]
        problems += [f"example {number}: {each}" for each in wrong]
    return problems


def _check(profile: Profile, example: _Example, profiles: Profiles) -> list[str]:
    wrong = []
    if example.device is not None and (holds := profiles.of(example.device)).name != profile.name:
        wrong.append(f"the profile {holds.name} holds for that device")
    if not (example.sent or example.means):
        wrong.append("it expects nothing; say what is sent or what is meant")
    values = [_place(profile, name, value, example.root) for name, value in example.want.items()]
    values += [to_device(profile, m.ParameterValue(each.name, each.value, each.type)) for each in example.set]
    sent = [
        {each.name: spelled(profile, each).value for each in batch} for batch in set_batches(profile, values)
    ]
    if example.sent != sent:
        wrong.append(f"sent is {_shown(sent)}, not {_shown(example.sent)}")
    told = {name: m.ParameterValue(name, raw) for name, raw in example.told.items()}
    read = {name: reading.value for name, reading in view(profile, told, root=example.root).items()}
    if dict(example.means) != read:
        wrong.append(f"what is told means {_shown(read)}, not {_shown(example.means)}")
    return wrong


def _place(profile: Profile, name: str, value: str, root: str) -> m.ParameterValue:
    place = place_of(profile, name, root=root)
    if place is None:
        raise AcsError(f"a device of this profile has no {name}")
    return place.write(value)


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
