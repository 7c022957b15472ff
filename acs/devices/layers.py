"""The layers of declared state in the store: set, show, history. A layer is replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from acs.datamodel import Profile, installed_profiles
from acs.declared import Layer, alias_conflicts, refuse_plain_secrets, scope_rank
from acs.devices.audit import audit
from acs.errors import AcsError
from acs.store.tables import device_tags, devices
from acs.store.tables import layer_history as history_table
from acs.store.tables import layers as table

__all__ = ["LayerChange", "devices_in", "layer_history", "layers", "layers_by_scope", "set_layer"]

_BY_SCOPES = select(table.c.scope, table.c.body).where(table.c.scope.in_(bindparam("scopes", expanding=True)))


@dataclass(frozen=True, slots=True)
class LayerChange:
    """One version of a layer: who set it, when, why. A layer that was emptied is gone."""

    scope: str
    version: int
    layer: Layer
    changed_at: float
    changed_by: str
    why: str = ""


def _layer(body: str) -> Layer:
    return msgspec.json.decode(body, type=Layer)


def layers_by_scope(conn: Connection, scopes: tuple[str, ...]) -> dict[str, Layer]:
    """Return the layers of these scopes that there are."""
    rows = conn.execute(_BY_SCOPES, {"scopes": scopes})
    return {row.scope: _layer(row.body) for row in rows}


def layers(conn: Connection) -> list[LayerChange]:
    """Return all layers, the general before the particular."""
    rows = conn.execute(select(table)).all()
    found = [
        LayerChange(row.scope, row.version, _layer(row.body), row.changed_at, row.changed_by) for row in rows
    ]
    return sorted(found, key=lambda each: scope_rank(each.scope))


def set_layer(
    conn: Connection, scope: str, layer: Layer, *, who: str, now: float, why: str = "", check: bool = True
) -> LayerChange:
    """Replace what is declared for ``scope``; an empty layer takes it away. Audit and history keep it.

    Raises ``AcsError`` for a scope that is none, for a secret in the clear, and (with ``check``) where the
    layer names a parameter that another layer names differently: both layers are told.
    """
    scope_rank(scope)
    refuse_plain_secrets(layer, scope)
    if check and layer.values:
        others = _meeting(conn, scope)
        conflicts = [
            each
            for each in alias_conflicts({**others, scope: layer}, _profiles())
            if f" in {scope} " in f"{each} "
        ]
        if conflicts:
            raise AcsError("; ".join(conflicts[:5]))
    last = select(history_table.c.version).where(history_table.c.scope == scope)
    version = (conn.execute(last.order_by(history_table.c.id.desc()).limit(1)).scalar() or 0) + 1
    conn.execute(delete(table).where(table.c.scope == scope))
    row = {
        "scope": scope,
        "body": msgspec.json.encode(layer).decode(),
        "version": version,
        "changed_at": now,
        "changed_by": who,
    }
    if layer.size:
        conn.execute(insert(table).values(row))
    conn.execute(insert(history_table).values({**row, "why": why}))
    audit(conn, who, "declared state set", scope, f"version {version}, {layer.size} entries. {why}", now=now)
    return LayerChange(scope, version, layer, now, who, why)


def _meeting(conn: Connection, scope: str) -> dict[str, Layer]:
    """Return the other layers, without those of other devices where the scope is one device."""
    query = select(table.c.scope, table.c.body).where(table.c.scope != scope)
    if scope.startswith("device:"):
        query = query.where(~table.c.scope.startswith("device:"))
    return {row.scope: _layer(row.body) for row in conn.execute(query)}


def devices_in(conn: Connection, scope: str) -> list[str]:
    """Return the keys of the devices for which a layer of ``scope`` holds, sorted.

    Raises ``AcsError`` for a scope that is none.
    """
    scope_rank(scope)
    kind, _, name = scope.partition(":")
    query = select(devices.c.device_key).order_by(devices.c.device_key)
    if kind == "class":
        query = query.where(devices.c.product_class == name)
    elif kind in ("group", "site"):
        mine = (device_tags.c.device_id == devices.c.id, device_tags.c.kind == kind)
        query = query.join(device_tags, and_(*mine)).where(device_tags.c.name == name)
    elif kind == "device":
        query = query.where(devices.c.device_key == name)
    return list(conn.execute(query).scalars())


def _profiles() -> list[Profile]:
    return [each.profile for each in installed_profiles().all]


def layer_history(conn: Connection, scope: str = "", *, limit: int = 100) -> list[LayerChange]:
    """Return what was set, the newest first; of all scopes where none is named."""
    query = select(history_table).order_by(history_table.c.id.desc()).limit(limit)
    if scope:
        query = query.where(history_table.c.scope == scope)
    return [
        LayerChange(row.scope, row.version, _layer(row.body), row.changed_at, row.changed_by, row.why)
        for row in conn.execute(query)
    ]
