"""The operators' playbooks that a node knows: those of its folder, and by version those of the database."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, insert, select

from acs.errors import AcsError
from acs.remediation.playbooks import PLAYBOOKS
from acs.remediation.scripts.calls import find_undeclared
from acs.remediation.scripts.load import Script, load_scripts
from acs.remediation.scripts.source import Bundle, read_folder
from acs.store.tables import playbook_sources

__all__ = ["PREFIX", "Library", "find_script", "keep_source", "load_library"]

PREFIX = "playbook:"
"""What a policy puts before the name of a playbook where it names a procedure or a rung."""
_SHIPPED = frozenset(name for name, _ in PLAYBOOKS)


@dataclass(frozen=True, slots=True)
class Library:
    """The playbooks of a folder by name, and what is wrong in it, a sentence each."""

    scripts: Mapping[str, Script] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> Script:
        """Return the playbook of this name as the folder has it now. Raises ``AcsError``."""
        found = self.scripts.get(name)
        if found is None:
            known = ", ".join(sorted(self.scripts)) or "none"
            raise AcsError(
                f"there is no playbook {name!r}; known are {known}; an `async def` is one where it has"
                " @playbook or the name of its file; see: acs playbook list"
            )
        return found


def load_library(folder: Path | None) -> Library:
    """Load the playbooks of a folder; what is wrong is among the problems and never raised."""
    if folder is None:
        return Library()
    try:
        found = read_folder(folder)
    except AcsError as error:
        return Library(problems=(str(error),))
    scripts: dict[str, Script] = {}
    problems = list(found.problems)
    imported = {name for each in found.bundles.values() for name in each.files if name != each.entry}
    for entry, bundle in found.bundles.items():
        try:
            loaded = load_scripts(bundle)
        except AcsError as error:
            problems.append(str(error))
            continue
        useless = not loaded and entry not in imported
        if useless and (line := find_undeclared(ast.parse(bundle.files[entry]))):
            remedy = f"mark an `async def` with @playbook, or name one {entry}"
            problems.append(f"{entry}.py:{line}: it declares no playbook, and nobody imports it; {remedy}")
        for name, script in loaded.items():
            if name in _SHIPPED:
                problems.append(f"{entry}.py: the name {name} is that of a shipped playbook; choose another")
            elif name in scripts:
                other = scripts[name].bundle.entry
                problems.append(f"{entry}.py: the playbook {name} is declared in {other}.py as well")
            else:
                scripts[name] = script
    return Library(scripts, tuple(dict.fromkeys(problems)))


def keep_source(conn: Connection, script: Script, *, now: float) -> None:
    """Keep the source of a playbook in the database: every node can run it, whatever becomes of the file."""
    query = select(playbook_sources.c.version).where(playbook_sources.c.version == script.version)
    if conn.execute(query).first() is None:
        row = {"version": script.version, "body": script.bundle.body, "kept_at": now}
        conn.execute(insert(playbook_sources).values(**row))


def find_script(conn: Connection, name: str, version: str) -> Script:
    """Return a playbook in the version that a case began with. Raises ``AcsError`` where it is not there."""
    query = select(playbook_sources.c.body).where(playbook_sources.c.version == version)
    body = conn.execute(query).scalar_one_or_none()
    if body is None:
        raise AcsError(f"the database has no source of the playbook {name} in version {version}")
    bundle = Bundle.parse(body)
    if bundle.version != version:
        raise AcsError(f"the source of the playbook {name} in the database is not that of version {version}")
    found = load_scripts(bundle).get(name)
    if found is None:
        raise AcsError(f"version {version} of {bundle.entry}.py declares no playbook {name}")
    return found
