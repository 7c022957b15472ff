"""Data models of the operator, and which model holds for a device.

A profile that names a model decides. Otherwise it is what is packaged for the device's root, and over it the
imported models that the device says it has (DeviceSummary, SupportedDataModel; TR-106, TR-157).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, select

from acs.datamodel import Compact, Model, composed, dump, load_model, packaged_names, parse, profile_for
from acs.datamodel.profile import STANDARD
from acs.datamodel.profiles import Profiles
from acs.devices.check_in import parameters_of
from acs.devices.identity import Device
from acs.errors import AcsError
from acs.store.tables import data_models as table

__all__ = [
    "StoredModel",
    "drop_model",
    "missing_models",
    "model_for",
    "named_model",
    "store_model",
    "stored_models",
]

K = TypeVar("K")
V = TypeVar("V")
_MOST_BYTES = 32 * 1024 * 1024  # of a compact form, before compression
_SUMMARIES = ("Device.DeviceSummary", "InternetGatewayDevice.DeviceSummary")
_SUPPORTED = "Device.DeviceInfo.SupportedDataModel."
_BY_TREE = {"tr-196-1": "henb-issue-1"}
_BY_ROOT = {"Device.": "femto", "InternetGatewayDevice.": "henb-igd"}


@dataclass(frozen=True, slots=True)
class StoredModel:
    """An imported model, without its content; ``document`` is the ``spec`` of the file it comes from."""

    name: str
    document: str
    title: str
    root: str
    source: str
    digest: str
    objects: int
    parameters: int
    profiles: int
    imported_at: float
    imported_by: str


_COLUMNS = tuple(table.c[name] for name in StoredModel.__dataclass_fields__)
_STORED = select(*_COLUMNS).order_by(table.c.name)


def store_model(conn: Connection, name: str, model: Compact, *, who: str, now: float) -> StoredModel:
    """Keep an imported model under ``name``, in the place of an older one of this name.

    Raises ``AcsError`` where the name is that of a packaged model, or the model is too large.
    """
    if name in packaged_names():
        raise AcsError(f"{name!r} is the name of a packaged model; give another one with --name")
    content = dump(model).encode()
    if len(content) > _MOST_BYTES:
        raise AcsError(f"the model {name} has {len(content)} bytes; {_MOST_BYTES} are allowed")
    stored = StoredModel(
        name=name,
        document=model.head.get("document", ""),
        title=model.head.get("title", ""),
        root=model.head.get("root", ""),
        source=model.head.get("file", ""),
        digest=hashlib.sha256(content).hexdigest(),
        objects=len(model.objects),
        parameters=len(model.parameters),
        profiles=len(model.profiles),
        imported_at=now,
        imported_by=who,
    )
    conn.execute(delete(table).where(table.c.name == name))
    values: dict[str, Any] = {field: getattr(stored, field) for field in StoredModel.__dataclass_fields__}
    conn.execute(insert(table).values(**values, content=zlib.compress(content, 9)))
    return stored


def drop_model(conn: Connection, name: str) -> bool:
    """Forget an imported model; return whether there was one."""
    return conn.execute(delete(table).where(table.c.name == name)).rowcount > 0


def stored_models(conn: Connection) -> list[StoredModel]:
    """Return the imported models, by name."""
    return [StoredModel(**row) for row in conn.execute(_STORED).mappings()]


def named_model(conn: Connection, name: str) -> Model:
    """Return an imported model, or else a packaged one. Raises ``AcsError`` naming those there are."""
    known = {each.name: each for each in stored_models(conn)}
    if name in known:
        return composed(name, [_content(conn, known[name])])
    try:
        return load_model(name)
    except AcsError:
        names = ", ".join([*packaged_names(), *known])
        raise AcsError(f"there is no data model {name!r}; known are {names}") from None


def missing_models(conn: Connection, profiles: Profiles) -> dict[str, str]:
    """Return the models that profiles name and that are not there, by the profile's file."""
    known = {*packaged_names(), *(each.name for each in stored_models(conn))}
    named = {each.file.source: each.profile.model for each in profiles.all}
    return {source: name for source, name in named.items() if name and name not in known}


def model_for(conn: Connection, device: Device) -> Model | None:
    """Return the model that holds for a device; None where nothing is known of its kind.

    Where its profile names one that is not there (``missing_models``), it is as if the profile named none: no
    device is turned away for it.
    """
    profile = profile_for(device)
    if not profile.model:
        return None
    if profile.model != STANDARD.model:
        try:
            return named_model(conn, profile.model)
        except AcsError:  # it was not imported yet, or was dropped
            pass
    base = _BY_TREE.get(profile.tree) or _BY_ROOT.get(device.root or "Device.")
    own = [each for each in stored_models(conn) if each.root.startswith(device.root or "Device.")]
    wanted = _told(conn, device, own) if own else []
    if not wanted:
        return load_model(base) if base else None
    return _over(conn, base, wanted)


def _told(conn: Connection, device: Device, own: list[StoredModel]) -> list[StoredModel]:
    """Return those of ``own`` that the device's DeviceSummary or SupportedDataModel table names."""
    told: set[str] = set()
    for path in _SUMMARIES:
        found = parameters_of(conn, device.id, path).get(path)
        if found is not None:  # "InternetGatewayDevice:1.0[](Baseline:1), FAPService:1.0[1](…)"
            told.update(re.findall(r"([A-Za-z_][\w-]*:\d+\.\d+)\[", found.value))
    for name, found in parameters_of(conn, device.id, _SUPPORTED).items():
        if name.endswith((".URN", ".URL")):
            told.add(found.value.rpartition("/")[2].removesuffix(".xml"))
    return [
        each for each in own if {each.name, each.document, each.document.rpartition(":")[2]} & (told - {""})
    ]


def _over(conn: Connection, base: str | None, wanted: list[StoredModel]) -> Model:
    """Return imported models over a packaged one."""
    key = (base, *(each.digest for each in wanted))
    made = _made.get(key)
    if made is None:
        own = composed(", ".join(each.name for each in wanted), [_content(conn, each) for each in wanted])
        made = load_model(base).extended(own) if base else own
        _keep(_made, key, made)
    return made


_made: dict[tuple[str | None, ...], Model] = {}
_parsed: dict[str, Compact] = {}
_MOST_KEPT = 8


def _keep(cache: dict[K, V], key: K, value: V) -> None:
    while len(cache) >= _MOST_KEPT:
        cache.pop(next(iter(cache)), None)
    cache[key] = value


def _content(conn: Connection, stored: StoredModel) -> Compact:
    found = _parsed.get(stored.digest)
    if found is None:
        content = conn.execute(select(table.c.content).where(table.c.name == stored.name)).scalar_one()
        found = parse(zlib.decompress(content).decode(), f"the data model {stored.name}")
        _keep(_parsed, stored.digest, found)
    return found
