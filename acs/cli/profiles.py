"""``acs profiles``: list, show, check, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from acs.cli.node import find_device, read, require_data, settings_of
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import console, print_json, print_table
from acs.errors import AcsError
from acs.settings import Settings

__all__ = ["canonical", "profiles"]

profiles = typer.Typer(no_args_is_help=True)


@profiles.command("list")
def list_profiles(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the device profiles, those of the operator and those that are shipped."""
    from acs.datamodel import load_profiles

    found = load_profiles(settings_of(data, config).data).all
    if json:
        print_json([{"file": each.file.source, **msgspec.to_builtins(each.profile)} for each in found])
        return
    rows = [
        (each.profile.name, each.file.source, _for_whom(each.profile), each.profile.description)
        for each in found
    ]
    print_table("Device profiles", ("profile", "file", "for", "description"), rows)


def _for_whom(profile: Any) -> str:
    matches = [
        ", ".join(f"{name}={value}" for name, value in msgspec.to_builtins(each).items() if value != "*")
        for each in profile.match
    ]
    return " or ".join(matches)


@profiles.command("show")
def show_profile(
    name: Annotated[str, typer.Argument(help="A profile's name, see acs profiles list.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what a profile says, with what it has from those it extends."""
    from acs.datamodel import STANDARD, load_profiles

    found = load_profiles(settings_of(data, config).data).get(name)
    fields = msgspec.to_builtins(found.profile)
    if json:
        print_json(fields)
        return
    usual = msgspec.to_builtins(STANDARD)
    rows = [
        (
            field,
            value if isinstance(value, str) else msgspec.json.encode(value).decode(),
            value != usual[field],
        )
        for field, value in fields.items()
    ]
    shown = [(field, value, "yes" if own else "") for field, value, own in rows]
    print_table(f"Profile {name} ({found.file.source})", ("field", "value", "unlike the standard"), shown)


@profiles.command("check")
def check_profile(
    path: Annotated[Path, typer.Argument(help="A profile's YAML file, or a folder of them.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Check profiles: fields, what they extend, rivals, and their examples."""
    from acs.datamodel.examples import check_examples
    from acs.datamodel.profiles import Profiles, load_profiles, read_profile

    paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not paths:
        raise AcsError(f"there is no *.yaml in {path}")
    new = [read_profile(each) for each in paths]
    names = {each.name for each in new}
    settings = settings_of(data, config)
    others = [each.file for each in load_profiles(settings.data).all]
    kept = [each for each in others if each.shipped or each.name not in names]
    checked = Profiles([*kept, *new])
    imported = _imported(settings)
    problems = {file.source: check_examples(checked.get(file.name), checked, imported) for file in new}
    wrong = [f"{source}: {problem}" for source, found in problems.items() for problem in found]
    if wrong:
        raise AcsError("; ".join(wrong))
    for file in new:
        console.print(f"{file.source}: right; {len(file.examples)} examples", markup=False)


def _imported(settings: Settings) -> list[str]:
    """Return the names of the imported data models; none where there is no node's data."""
    from acs import devices as dev

    try:
        require_data(settings)
    except AcsError:
        return []
    return [each.name for each in read(settings, dev.stored_models)]


@profiles.command("explain")
def explain_profile(device: DeviceKey, data: Data = None, config: Config = None, json: Json = False) -> None:
    """Say which profile holds for a device and why: all that fit it, the one that holds first."""
    from acs.datamodel import load_profiles

    settings = settings_of(data, config)
    found = read(settings, lambda conn: find_device(conn, device))
    loaded = load_profiles(settings.data)
    fitting = loaded.explain(found)
    holds = loaded.of(found)
    facts = [
        {
            "profile": each.profile.name,
            "file": each.file.source,
            "match": {name: value for name, value in msgspec.to_builtins(match).items() if value != "*"},
            "specificity": match.specificity,
        }
        for each, match in fitting
    ]
    if json:
        print_json({"device": device, "profile": holds.name, "fitting": facts})
        return
    rows = [(each["profile"], each["file"], _match(each["match"]), each["specificity"]) for each in facts]
    why = "" if facts else ", since no profile's pattern fits it"
    console.print(f"{holds.name} holds for {device}{why}", markup=False)
    if rows:
        columns = ("profile", "file", "because", "exact, told, letters")
        print_table("Profiles that fit, the one that holds first", columns, rows)


def _match(patterns: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in patterns.items())


def canonical(
    profile: Annotated[
        str, typer.Option(help="Show where devices of this profile keep each name.")
    ] = "standard",
    root: Annotated[str, typer.Option(help="Device. or InternetGatewayDevice.")] = "Device.",
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List the canonical names: meaning, type, unit, and the parameter that has it."""
    from acs.datamodel import load_profiles
    from acs.datamodel.canonical import canonical_names, place_of

    holds = load_profiles(settings_of(data, config).data).get(profile).profile
    facts = []
    for name, meaning in canonical_names().items():
        place = place_of(holds, name, root=root)
        facts.append(
            {
                "name": name,
                "what": meaning.what,
                "type": meaning.type,
                "unit": meaning.unit,
                "values": list(meaning.words),
                "path": place.path if place else "",
            }
        )
    if json:
        print_json(facts)
        return
    rows = [
        (each["name"], "|".join(each["values"]) or each["type"], each["unit"], each["path"], each["what"])
        for each in facts
    ]
    print_table(
        f"Canonical names on devices of the profile {profile}",
        ("name", "value", "unit", "parameter", "what"),
        rows,
    )
