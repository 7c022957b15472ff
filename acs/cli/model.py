"""``acs model``: import, list, show, drop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, read, settings_of, settings_with_profiles, write
from acs.cli.node import who as operator
from acs.cli.options import Config, Data, Json
from acs.cli.output import console, moment, print_json, print_table
from acs.errors import AcsError

__all__ = ["model"]

model = typer.Typer(no_args_is_help=True)
_ACCESS = {"R": "readOnly", "W": "readWrite", "O": "writeOnceReadOnly"}
_MOST_VALUES = 12


@model.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="A dm:document (datamodel XSD 1-0 to 1-15).")],
    data: Data = None,
    config: Config = None,
    path: Annotated[
        list[Path] | None, typer.Option(help="Where imported documents lie, beside the file's own folder.")
    ] = None,
    name: Annotated[str, typer.Option(help="Under which name (default: the model's own).")] = "",
    root: Annotated[
        str, typer.Option(help="Where a service or loose components go, for example Device.Services.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write the compact form to this file, not into the store.")
    ] = None,
) -> None:
    """Import a data model, with all that it imports itself. Devices that have it are checked against it.

    Example: acs model import X_EXAMPLE-femto-1-0.xml --path bbf/
    """
    from acs import devices as dev
    from acs.datamodel import dump, import_models

    found = import_models(file, paths=path or (), root=root)
    if name and len(found) > 1:
        raise AcsError(f"{file} has {len(found)} models, {name!r} is one name; leave --name out")
    for each in found:
        for warning in each.warnings:
            console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    if out is not None:
        if len(found) > 1:
            raise AcsError(f"{file} has {len(found)} models; they don't go into one file, leave --out out")
        try:
            out.write_text(dump(found[0].model), encoding="utf-8")
        except OSError as error:
            raise AcsError(f"can't write {out}: {error.strerror}") from error
        console.print(f"{found[0].name} is written to {out}", markup=False)
        return

    def act(conn: Connection) -> list[dev.StoredModel]:
        now = time.time()
        made = [
            dev.store_model(conn, name or each.name, each.model, who=operator(), now=now) for each in found
        ]
        for each in made:
            dev.audit(conn, operator(), "data model imported", each.name, each.digest, now=now)
        return made

    for made in write(settings_of(data, config), act):
        counts = f"{made.objects} objects, {made.parameters} parameters, {made.profiles} profiles"
        console.print(f"{made.name}: {counts}", markup=False)


@model.command("list")
def list_models(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the models that are packaged and those that were imported."""
    from acs import devices as dev
    from acs.datamodel import load_model, packaged_names

    rows: list[dict[str, Any]] = []
    for name in packaged_names():
        made = load_model(name)
        counts = (len(made.objects), len(made.parameters), len(made.profiles))
        rows.append(_row(name, ", ".join(made.documents) or "own extension", counts, "packaged"))
    for each in read(settings_of(data, config), dev.stored_models):
        counts = (each.objects, each.parameters, each.profiles)
        when = f"{each.source}, {moment(each.imported_at)} by {each.imported_by}"
        rows.append(_row(each.name, each.document, counts, when))
    if json:
        print_json(rows)
    else:
        print_table("Data models", tuple(rows[0]), [tuple(each.values()) for each in rows])


def _row(name: str, document: str, counts: tuple[int, int, int], source: str) -> dict[str, Any]:
    objects, parameters, profiles = counts
    return {
        "name": name,
        "objects": objects,
        "parameters": parameters,
        "profiles": profiles,
        "document": document.replace("urn:broadband-forum-org:", ""),
        "imported": source,
    }


@model.command("show")
def show_path(
    path: Annotated[str, typer.Argument(help="A parameter or an object, for example Device.Time.Enable.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    name: Annotated[
        str, typer.Option("--model", help="In this model, see acs model list; by default femto or henb-igd.")
    ] = "",
    device: Annotated[str, typer.Option(help="In the model that holds for this device.")] = "",
) -> None:
    """Show what a parameter or object is: type, access, allowed values, profiles, where it is defined."""
    from acs import devices as dev

    if name and device:
        raise AcsError("name --model or --device, not both")

    def look(conn: Connection) -> Any:
        if device:
            return dev.model_for(conn, find_device(conn, device))
        return dev.named_model(conn, name) if name else _usual(conn, path)

    found = read(settings_with_profiles(data, config), look)
    if found is None:
        raise AcsError(f"no model is known for {device}; name one with --model, or in the device's profile")
    facts = parameter_facts(found, path) or object_facts(found, path)
    if facts is None:
        near = found.nearest(path)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: acs model list"
        raise AcsError(f"the model {found.name} has no {path}; {hint}")
    if json:
        print_json(facts)
        return
    below = facts.pop("below", [])
    title = facts.pop("path")
    print_table(title, ("", ""), [(key, value) for key, value in facts.items() if value != ""])
    if below:
        print_table("Below it", ("name", "type", "access"), below)


def _usual(conn: Connection, path: str) -> Any:
    """Return the packaged model of a path's root, or else the first imported one that has the path."""
    from acs import devices as dev

    usual = dev.named_model(conn, "henb-igd" if path.startswith("InternetGatewayDevice") else "femto")
    for each in () if _has(usual, path) else dev.stored_models(conn):
        imported = dev.named_model(conn, each.name)
        if _has(imported, path):
            return imported
    return usual


def _has(model: Any, path: str) -> bool:
    return model.spec(path) is not None or bool(model.children(path))


def parameter_facts(model: Any, path: str) -> dict[str, Any] | None:
    """Return what a model says of a parameter, as printable facts; None when it has none there."""
    from acs.datamodel import about

    spec = model.spec(path)
    if spec is None:
        return None
    known = about(spec)
    source: Mapping[str, str] = model.source(spec.path)
    marks = [word for word in ("hidden", "secured", "command") if getattr(known, word)]
    marks += ["forcedInform"] if known.forced_inform else []
    free = [each for each in spec.values if each not in spec.fixed]
    spans = ", ".join(_span(*each) for each in spec.ranges)
    steps = {each for each in spec.steps if each}
    return {
        "path": spec.path,
        "type": spec.type,
        "on the wire": spec.xsd_type,
        "access": _ACCESS[spec.access],
        "values": " | ".join(free),
        "told by the device alone": " | ".join(spec.fixed),
        "range": spans + (f" in steps of {', '.join(map(str, steps))}" if steps else ""),
        "longest": spec.maximum_length if spec.maximum_length is not None else "",
        "longest item": spec.maximum_item_length if spec.maximum_item_length is not None else "",
        "lengths": ", ".join(_span(*each) for each in spec.lengths),
        "items": _span(*spec.items) if spec.items else "",
        "patterns": " or ".join(each or "(empty)" for each in spec.patterns),
        "default": "" if known.default is None else f"{known.default!r} ({known.default_type})",
        "units": known.units,
        "data type": known.data_type,
        "refers to": known.refers_to,
        "one of the values of": known.enumeration_of,
        "marks": ", ".join(marks),
        "notification": known.active_notify,
        "status": known.status,
        "since": known.version,
        "takes the place of": known.previous,
        "profiles": ", ".join(model.profiles_of(spec.path)),
        "defined in": _source(source),
    }


def object_facts(model: Any, path: str) -> dict[str, Any] | None:
    """Return what a model says of an object and what is directly below it; None when it has none there."""
    below = model.children(path)
    spec = model.object(path if path.endswith(".") else path + ".")
    if spec is None and not below:
        return None
    table = spec is not None and spec.multiple
    rows = []
    for each in below:
        parameter = model.spec(each)
        child = model.object(each)
        kind = parameter.type if parameter else "table" if child is not None and child.multiple else "object"
        access = parameter.access if parameter else "W" if child is not None and child.writable else "R"
        rows.append((each[len(path.rstrip(".")) + 1 if path else 0 :], kind, _ACCESS[access]))
    facts: dict[str, Any] = {"path": spec.path if spec else path, "type": "table" if table else "object"}
    if spec is not None:
        facts |= {
            "access": _ACCESS["W" if spec.writable else "R"],
            "counted by": spec.counter,
            "entries": _span(*spec.entries) if spec.entries else "",
            "unique": "; ".join(", ".join(key) for key in spec.unique_keys),
            "enabled by": spec.enable,
            "status": spec.status,
            "since": spec.version,
            "profiles": ", ".join(model.profiles_of(spec.path)),
            "defined in": _source(model.source(spec.path)),
        }
    return {**facts, "below": rows}


def _span(low: object, high: object) -> str:
    if low == high:
        return str(low)
    return f"{'' if low is None else low}..{'' if high is None else high}"


def _source(head: Mapping[str, str]) -> str:
    return head.get("provenance") or " ".join(filter(None, (head.get("document"), head.get("file"))))


@model.command("drop")
def drop(name: str, data: Data = None, config: Config = None) -> None:
    """Forget an imported model."""
    from acs import devices as dev
    from acs.datamodel import load_profiles

    settings = settings_of(data, config)
    named = [each.file.source for each in load_profiles(settings.data).all if each.profile.model == name]
    if named:
        raise AcsError(f"the profile {named[0]} names the model {name}; change that first")

    def act(conn: Connection) -> bool:
        dropped = dev.drop_model(conn, name)
        if dropped:
            dev.audit(conn, operator(), "data model dropped", name, "", now=time.time())
        return dropped

    if not write(settings, act):
        raise AcsError(f"no model {name!r} was imported; see: acs model list")
    console.print(f"{name} is dropped", markup=False)
