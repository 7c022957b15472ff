"""The node that a command is about: its settings, its store, its devices; and in whose name it acts."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy import Connection

from acs.cli.running import run
from acs.errors import AcsError
from acs.settings import Settings, load_settings
from acs.store import Store, confirm_master_key

if TYPE_CHECKING:
    from acs.remediation import Environment, Policy
    from acs.security import Secrets

__all__ = [
    "environment_of",
    "find_device",
    "node_facts",
    "node_url",
    "policy_of",
    "read",
    "require_data",
    "secrets_of",
    "settings_of",
    "settings_with_profiles",
    "who",
    "with_devices",
    "write",
]

P = ParamSpec("P")
T = TypeVar("T")


def settings_of(data: Path | None, config: Path | None, **overrides: Any) -> Settings:
    """Return the settings that the common options describe."""
    return load_settings(config, {"data": data, **overrides})


def settings_with_profiles(data: Path | None, config: Path | None) -> Settings:
    """Return the same, with the operator's profiles installed: what holds for a device is decided by them."""
    return _with_profiles(settings_of(data, config))


def _with_profiles(settings: Settings) -> Settings:
    from acs.datamodel import install_profiles, load_profiles

    install_profiles(load_profiles(settings.data))
    return settings


def require_data(settings: Settings) -> None:
    """Raise ``AcsError`` when no node has been here: a mistyped directory must not be filled."""
    if not settings.database and not (settings.data / "acs.db").is_file():
        raise AcsError(
            f"there is no node's data in {settings.data}; name it with --data, or start one with: acs serve"
        )


def secrets_of(settings: Settings) -> Secrets:
    """Return the keys of the node. Raises ``AcsError`` where they are not those of its database."""
    from acs.security import Secrets

    require_data(settings)
    secrets = Secrets.load(settings.data)
    write(settings, lambda conn: confirm_master_key(conn, secrets.check))
    return secrets


def node_facts(settings: Settings) -> dict[str, Any]:
    """Return what the node wrote down when it started, {} where none did."""
    try:
        return msgspec.json.decode((settings.data / "node.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}


def node_url(settings: Settings) -> str:
    """Return how devices reach the node, which it wrote down when it started."""
    configured = settings.url or f"https://{settings.names[0]}:{settings.port}"
    return str(node_facts(settings).get("url") or configured).rstrip("/")


async def _with_store(
    settings: Settings, function: Callable[..., T], kwargs: dict[str, Any], *, reading: bool
) -> T:
    require_data(settings)
    store = await Store.open(settings.database_url)
    try:
        return await (store.read if reading else store.write)(function, **kwargs)
    finally:
        await store.close()


def read(
    settings: Settings, function: Callable[Concatenate[Connection, P], T], *_: P.args, **kwargs: P.kwargs
) -> T:
    """Run a reading function on the store; arguments by keyword."""
    return run(_with_store(settings, function, dict(kwargs), reading=True))


def write(
    settings: Settings, function: Callable[Concatenate[Connection, P], T], *_: P.args, **kwargs: P.kwargs
) -> T:
    """Run a writing function on the store and commit; arguments by keyword."""
    return run(_with_store(settings, function, dict(kwargs), reading=False))


def who() -> str:
    """Return in whose name the operator acts, for the audit."""
    return f"{getpass.getuser()}@cli"


def find_device(conn: Connection, key: str) -> Any:
    """Return the device of a key; ``AcsError`` when there is none."""
    from acs import devices as dev

    found = dev.find(conn, key)
    if found is None:
        raise AcsError(f"there is no device {key!r}; see: acs devices list")
    return found


def with_devices(conn: Connection, found: Iterable[Any]) -> list[dict[str, Any]]:
    """Return rows that belong to devices as mappings, each with the key of its device in front."""
    from acs import devices as dev

    rows = list(found)
    keys = {number: dev.get(conn, number).device_key for number in {each.device_id for each in rows}}
    return [{"device": keys[each.device_id], **asdict(each)} for each in rows]


def environment_of(settings: Settings) -> Environment:
    """Return what remediation works with here: the policy, the operators' playbooks, and no URLs of files.

    Where the settings name none, those of the node: it is to be decided as it would be there.
    """
    from acs.remediation import Environment, load_library

    library = load_library(_with_profiles(settings).playbooks or _path_of(settings, "playbooks"))
    return Environment(policy_of(settings), _no_urls, library=library)


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the settings name, else that of the node, else the shipped one."""
    from acs.remediation import load_policy

    return load_policy(settings.policy or _path_of(settings, "policy_file"))


def _path_of(settings: Settings, name: str) -> Path | None:
    found = node_facts(settings).get(name)
    return Path(found) if isinstance(found, str) else None


def _no_urls(*_: object) -> str:
    """Stand where a running node makes URLs of files."""
    raise AcsError("files are given out by the running node alone")
