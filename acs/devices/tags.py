"""Groups and sites of devices, and what is known of a site."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert, select

from acs.errors import AcsError
from acs.store.tables import device_tags as tags
from acs.store.tables import layers
from acs.store.tables import site_values as values

__all__ = [
    "add_group",
    "groups_of",
    "places_of",
    "remove_group",
    "set_site",
    "set_site_values",
    "site_known",
    "site_of",
    "site_values",
    "sites",
]

_NAME = re.compile(r"[\w][\w. +@/-]{0,62}\w\Z|\w\Z")
_VALUE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}\Z", re.ASCII)
MOST_GROUPS = 32  # of one device
MOST_TEXT = 1024  # characters of a site's value
MOST_VALUES = 256  # of one site
_MINE = tags.c.device_id == bindparam("device")
_GROUPS = select(tags.c.name).where(_MINE, tags.c.kind == "group").order_by(tags.c.name)
_PLACES = select(tags.c.kind, tags.c.name).where(_MINE).order_by(tags.c.name)
_SITE = select(tags.c.name).where(_MINE, tags.c.kind == "site")


def _checked(name: str, what: str) -> str:
    if not _NAME.match(name):
        raise AcsError(f"{name[:80]!r} is no name of a {what}: 1 to 64 letters, digits and . _ - + @ /")
    return name


def groups_of(conn: Connection, device_id: int) -> tuple[str, ...]:
    """Return the groups of a device, sorted."""
    return tuple(conn.execute(_GROUPS, {"device": device_id}).scalars())


def add_group(conn: Connection, device_id: int, name: str) -> None:
    """Put a device into a group; it may be in several. Raises ``AcsError`` for a wrong name."""
    _checked(name, "group")
    there = groups_of(conn, device_id)
    if name in there:
        return
    if len(there) >= MOST_GROUPS:
        raise AcsError(f"the device is in {len(there)} groups; more are not allowed")
    conn.execute(insert(tags).values(device_id=device_id, kind="group", name=name))


def remove_group(conn: Connection, device_id: int, name: str) -> None:
    """Take a device out of a group."""
    conn.execute(
        delete(tags).where(tags.c.device_id == device_id, tags.c.kind == "group", tags.c.name == name)
    )


def site_of(conn: Connection, device_id: int) -> str:
    """Return the site where a device is; empty: it is not known."""
    return conn.execute(_SITE, {"device": device_id}).scalar() or ""


def places_of(conn: Connection, device_id: int) -> tuple[str, tuple[str, ...]]:
    """Return the site of a device, which may be empty, and its groups, sorted."""
    found = conn.execute(_PLACES, {"device": device_id}).all()
    site = next((row.name for row in found if row.kind == "site"), "")
    return site, tuple(row.name for row in found if row.kind == "group")


def set_site(conn: Connection, device_id: int, site: str) -> None:
    """Say at which site a device is; empty: at none. Raises ``AcsError`` for a wrong name."""
    conn.execute(delete(tags).where(tags.c.device_id == device_id, tags.c.kind == "site"))
    if site:
        conn.execute(insert(tags).values(device_id=device_id, kind="site", name=_checked(site, "site")))


def sites(conn: Connection) -> dict[str, dict[str, str]]:
    """Return all sites with their values."""
    found: dict[str, dict[str, str]] = {}
    for row in conn.execute(select(values).order_by(values.c.site, values.c.name)):
        found.setdefault(row.site, {})[row.name] = row.value
    return found


def site_known(conn: Connection, site: str) -> bool:
    """Tell whether a site has values or a layer, or a device is there."""
    places = (
        select(values.c.site).where(values.c.site == site),
        select(layers.c.scope).where(layers.c.scope == f"site:{site}"),
        select(tags.c.name).where(tags.c.kind == "site", tags.c.name == site),
    )
    return any(conn.execute(query.limit(1)).first() is not None for query in places)


def site_values(conn: Connection, site: str) -> dict[str, str]:
    """Return what templates may ask for at a site."""
    query = select(values.c.name, values.c.value).where(values.c.site == site)
    return {row.name: row.value for row in conn.execute(query)}


def set_site_values(conn: Connection, site: str, given: Mapping[str, str]) -> int:
    """Replace the values of a site; return how many it has. Raises ``AcsError`` for a wrong name or value."""
    _checked(site, "site")
    if len(given) > MOST_VALUES:
        raise AcsError(f"the site {site} has {len(given)} values; at most {MOST_VALUES} are allowed")
    for name, value in given.items():
        if not _VALUE_NAME.match(name) or name == "name":
            raise AcsError(
                f"{name[:80]!r} is no name of a value of the site {site}: small letters, digits and _;"
                " name is the site's own"
            )
        if len(value) > MOST_TEXT or "\0" in value:
            raise AcsError(
                f"the value {name} of the site {site} has more than {MOST_TEXT} characters or a NUL"
            )
    conn.execute(delete(values).where(values.c.site == site))
    if given:
        conn.execute(
            insert(values), [{"site": site, "name": name, "value": value} for name, value in given.items()]
        )
    return len(given)
