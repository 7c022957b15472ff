"""What is declared for a device, how it deviates by what is known of it, and what was written to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from acs.datamodel import profile_for
from acs.declared import Deviation, Facts, Plan, Rules, Wanted, Write, deviations, plan, resolve, rules_of
from acs.declared.loops import WINDOW
from acs.devices.check_in import BY_NAMES, parameters_of
from acs.devices.identity import Device
from acs.devices.layers import layers_by_scope
from acs.devices.models import model_for
from acs.devices.tags import places_of, site_values
from acs.errors import AcsError
from acs.store.tables import config_requests, config_secrets, config_writes, devices, discovered

__all__ = [
    "ConfigRequest",
    "Declared",
    "declared",
    "drift",
    "known_state",
    "note_writes",
    "plan_of",
    "request_config",
    "sealed_config_secrets",
    "secret_parameters",
    "set_config_secret",
    "take_config_request",
    "writes_of",
]

_CHUNK = 400  # names in one IN list
_MOST_WRITES = 5000  # of one device that are remembered


class Declared(msgspec.Struct, frozen=True):
    """All that an application of declared state goes by: what is wanted, in which order, what is known."""

    wanted: Wanted
    rules: Rules
    applied_secrets: dict[str, str] = {}
    """The parameters that were given the present version of a secret, each with the secret's name."""
    secret_versions: dict[str, str] = {}
    """What is noted of a secret that was written, by the secret's name."""
    reboots: bool = False
    """Whether Status 1 means that the device has to be rebooted."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters to be read before there can be a plan."""
        found = [each.path for each in self.wanted.values if not each.secret]
        if self.rules.locked_for and self.rules.admin_state and self.rules.admin_state not in found:
            found.append(self.rules.admin_state)
        return tuple(found)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to be read."""
        return tuple(each.path for each in self.wanted.tables)

    @property
    def empty(self) -> bool:
        """Whether nothing is declared."""
        return not (self.wanted.values or self.wanted.tables or self.wanted.problems)

    def plan(self, state: dict[str, str]) -> Plan:
        """Return the RPCs that lead from ``state`` to what is declared."""
        return plan(self.wanted, state, self.rules, applied_secrets=self.applied_secrets)


@dataclass(frozen=True, slots=True)
class ConfigRequest:
    """Somebody wants the declared state applied to a device."""

    who: str
    because: str
    at: float


def declared(conn: Connection, device: Device) -> Declared:
    """Return what is declared for a device by all of its layers."""
    site, groups = places_of(conn, device.id)
    scopes = ["*", f"class:{device.product_class}", *(f"group:{each}" for each in groups)]
    scopes += [f"site:{site}"] if site else []
    found = layers_by_scope(conn, (*scopes, f"device:{device.device_key}"))
    profile, root = profile_for(device), device.root or "Device."
    paths = [name for layer in found.values() for name in layer.values if "." in name and name[0].isupper()]
    paths += [
        f"{path}1.{name}"
        for layer in found.values()
        for path, table in layer.tables.items()
        for name in dict.fromkeys(name for row in table.rows for name in row)
    ]
    paths = [root + path.removeprefix("Device.") if path.startswith("Device.") else path for path in paths]
    facts = Facts(
        device={
            "key": device.device_key,
            "oui": device.oui,
            "manufacturer": device.manufacturer,
            "product_class": device.product_class,
            "serial_number": device.serial_number,
            "software_version": device.software_version,
            "hardware_version": device.hardware_version,
        },
        site={**site_values(conn, site), "name": site} if site else {},
        groups=groups,
        root=root,
        types=_told(conn, device.id, paths),
    )
    wanted = resolve(found, facts, profile, model=model_for(conn, device))
    versions, missing = _secret_versions(conn, wanted)
    applied = _applied_secrets(conn, device, versions)
    if missing:
        known = tuple(each for each in wanted.values if not each.secret or each.secret in versions)
        tables = tuple(
            each
            for each in wanted.tables
            if all(secret in versions for row in each.rows for _, secret, _ in row.secrets)
        )
        wanted = Wanted(known, tables, (*wanted.problems, *missing))
    return Declared(wanted, rules_of(profile, root), applied, versions, profile.status_1_means_reboot)


def _told(conn: Connection, device_id: int, paths: Iterable[str]) -> dict[str, str]:
    """Return the types of those parameters that the device told of; empty where it told only the name."""
    wanted = list(dict.fromkeys(paths))
    types = {name: kind for name, (_, kind) in _stored(conn, device_id, wanted).items()}
    for start in range(0, len(wanted), _CHUNK):
        mine = (discovered.c.device_id == device_id, discovered.c.path.in_(wanted[start : start + _CHUNK]))
        for name in conn.execute(select(discovered.c.path).where(*mine)).scalars():
            types.setdefault(name, "")
    return types


def _stored(conn: Connection, device_id: int, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return value and type of those parameters that the registry has."""
    found: dict[str, tuple[str, str]] = {}
    wanted = list(dict.fromkeys(names))
    for start in range(0, len(wanted), _CHUNK):
        asked = {"device": device_id, "names": wanted[start : start + _CHUNK]}
        found.update({row.name: (row.value, row.type) for row in conn.execute(BY_NAMES, asked)})
    return found


def known_state(conn: Connection, device: Device, wanted: Declared) -> dict[str, str]:
    """Return the last known values of what is declared, by path."""
    state = {name: value for name, (value, _) in _stored(conn, device.id, wanted.names).items()}
    for path in wanted.tables:
        state.update({name: each.value for name, each in parameters_of(conn, device.id, path).items()})
    return state


def plan_of(conn: Connection, device: Device) -> tuple[Declared, Plan]:
    """Return what is declared for a device and the RPCs that lead there from what is known of it.

    With problems in what is declared there is nothing to send.
    """
    found = declared(conn, device)
    if found.wanted.problems:
        return found, Plan()
    return found, found.plan(known_state(conn, device, found))


def drift(conn: Connection, device: Device) -> list[Deviation]:
    """Return where a device deviates from what is declared, by what is known of it; nothing is read."""
    found = declared(conn, device)
    return deviations(found.wanted, known_state(conn, device, found))


# --- secrets ------------------------------------------------------------------------------


def set_config_secret(conn: Connection, name: str, secret_sealed: bytes, *, now: float) -> int:
    """Keep a secret that declared state may name; return its version. Devices that have it get the new."""
    before = conn.execute(select(config_secrets.c.version).where(config_secrets.c.name == name)).scalar()
    conn.execute(delete(config_secrets).where(config_secrets.c.name == name))
    version = (before or 0) + 1
    conn.execute(
        insert(config_secrets).values(name=name, secret_sealed=secret_sealed, version=version, changed_at=now)
    )
    return version


def sealed_config_secrets(conn: Connection, names: Iterable[str]) -> dict[str, bytes]:
    """Return the sealed secrets of these names. Raises ``AcsError`` for one that there is none of."""
    wanted = set(names)
    if not wanted:
        return {}
    query = select(config_secrets.c.name, config_secrets.c.secret_sealed)
    found = {
        row.name: row.secret_sealed for row in conn.execute(query.where(config_secrets.c.name.in_(wanted)))
    }
    missing = wanted - found.keys()
    if missing:
        raise AcsError(f"there is no secret {sorted(missing)[0]!r}; see: acs config secret")
    return found


def secret_parameters(conn: Connection, device: Device) -> frozenset[str]:
    """Return the parameters of a device that are declared to be secrets, or were set to one before.

    Raises ``AcsError`` where its profile names a model that is not there.
    """
    noted = select(config_writes.c.path).where(
        config_writes.c.device_id == device.id, config_writes.c.value.like("secret %")
    )
    wanted = {each.path for each in declared(conn, device).wanted.values if each.secret}
    return frozenset(wanted.union(conn.execute(noted.distinct()).scalars()))


def _secret_versions(conn: Connection, wanted: Wanted) -> tuple[dict[str, str], list[str]]:
    """Return what is noted of each secret that is written, by its name, and which secrets there are not."""
    names = {secret for _, secret in wanted.secrets}
    if not names:
        return {}, []
    query = select(config_secrets.c.name, config_secrets.c.version).where(config_secrets.c.name.in_(names))
    found = {row.name: f"secret {row.name}, version {row.version}" for row in conn.execute(query)}
    problems = [
        f"{where}: there is no secret {secret!r}; see: acs config secret"
        for where, secret in wanted.secrets
        if secret not in found
    ]
    return found, problems


def _applied_secrets(conn: Connection, device: Device, versions: dict[str, str]) -> dict[str, str]:
    """Return the parameters that were given a secret's present version since the device lost its own."""
    if not versions:
        return {}
    query = (
        select(config_writes.c.path, config_writes.c.value)
        .where(
            config_writes.c.device_id == device.id,
            config_writes.c.value.like("secret %"),
            config_writes.c.at >= (device.bootstrapped_at or 0),
        )
        .order_by(config_writes.c.id)
    )
    last = {row.path: row.value for row in conn.execute(query)}
    names = {version: name for name, version in versions.items()}
    return {path: names[value] for path, value in last.items() if value in names}


# --- what was written ---------------------------------------------------------------------


def note_writes(conn: Connection, device_id: int, writes: Iterable[Write], *, now: float) -> None:
    """Remember what was set on a device and by whom, so that writers that fight are found.

    What was written before the device last lost its configuration, or more than a week ago, is forgotten.
    """
    rows = [
        {
            "device_id": device_id,
            "path": each.path,
            "value": each.value[:256],
            "source": each.source[:256],
            "case_id": each.case_id,
            "at": each.at,
            "was": None if each.was is None else each.was[:256],
        }
        for each in writes
    ]
    if rows:
        conn.execute(insert(config_writes), rows)
    mine = config_writes.c.device_id == device_id
    secret = config_writes.c.value.like("secret %")
    conn.execute(delete(config_writes).where(mine, config_writes.c.at < now - 7 * WINDOW, ~secret))
    lost = select(devices.c.bootstrapped_at).where(devices.c.id == device_id).scalar_subquery()
    conn.execute(delete(config_writes).where(mine, config_writes.c.at < func.coalesce(lost, 0)))


def writes_of(conn: Connection, device: Device, *, since: float, limit: int = _MOST_WRITES) -> list[Write]:
    """Return what was set on a device since a time and since it last lost its configuration, oldest first."""
    query = (
        select(config_writes)
        .where(
            config_writes.c.device_id == device.id,
            config_writes.c.at >= max(since, device.bootstrapped_at or 0),
        )
        .order_by(config_writes.c.id.desc())
        .limit(limit)
    )
    found = [
        Write(row.path, row.value, row.source, row.case_id, row.at, row.was) for row in conn.execute(query)
    ]
    return found[::-1]


# --- what is asked for --------------------------------------------------------------------


def request_config(conn: Connection, device_id: int, *, who: str, because: str, now: float) -> None:
    """Ask that the declared state be applied to a device; asking again changes nothing."""
    conn.execute(delete(config_requests).where(config_requests.c.device_id == device_id))
    conn.execute(insert(config_requests).values(device_id=device_id, who=who, because=because, at=now))


def take_config_request(conn: Connection, device_id: int) -> ConfigRequest | None:
    """Return what was asked for and forget it; None when nothing was."""
    row = conn.execute(select(config_requests).where(config_requests.c.device_id == device_id)).first()
    if row is None:
        return None
    conn.execute(delete(config_requests).where(config_requests.c.device_id == device_id))
    return ConfigRequest(row.who, row.because, row.at)
