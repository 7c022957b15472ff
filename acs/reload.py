"""The policy and the operators' playbooks of a running node, read anew: checked first, put in force at once.

What is wrong changes nothing. Cases that are open finish on the policy and the playbook version they began
with; every transaction that begins afterwards goes by the new ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from sqlalchemy import Connection

from acs import devices as dev
from acs.alarms import set_inhibitions
from acs.errors import AcsError
from acs.remediation import Environment, Library, Policy, load_library, load_policy, missing_playbooks
from acs.settings import Settings
from acs.store import Store

__all__ = ["Reloader", "Rules", "check_retention", "read_rules"]

_log = structlog.get_logger(__name__)
_SHOWN = 8  # problems that are told in one sentence


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy and the playbooks beside it; ``problems``: what can't be used of these, a sentence each."""

    policy: Policy
    library: Library
    problems: tuple[str, ...]

    def differs_from(self, env: Environment) -> str:
        """Return what is other than in ``env``, in words; "" where nothing is."""
        told = []
        if self.policy.version != env.policy.version:
            told.append(f"policy {env.policy.version} to {self.policy.version}")
        before = {name: each.version for name, each in env.library.scripts.items()}
        after = {name: each.version for name, each in self.library.scripts.items()}
        for word, names in (
            ("new", after.keys() - before.keys()),
            ("gone", before.keys() - after.keys()),
            ("changed", {name for name in after.keys() & before.keys() if after[name] != before[name]}),
        ):
            if names:
                told.append(f"playbooks {word}: {', '.join(sorted(names))}")
        return "; ".join(told)


def read_rules(settings: Settings) -> Rules:
    """Read policy and playbooks as the files are now. Raises ``AcsError`` where the policy is wrong."""
    policy = load_policy(settings.policy)
    check_retention(settings, policy)
    library = load_library(settings.playbooks)
    return Rules(policy, library, (*library.problems, *missing_playbooks(policy, library)))


def check_retention(settings: Settings, policy: Policy) -> float:
    """Return the retention in seconds; recurrences have to be remembered for as long as they count."""
    seconds = settings.retention_days * 86400
    if seconds < policy.limits.recurrence_window:
        raise AcsError(
            f"the setting retention_days is {settings.retention_days:g}, but the policy counts recurrences"
            f" over {policy.limits.recurrence_window:g} s; keep longer, or count over less"
        )
    return seconds


class _GoesBy(Protocol):
    env: Environment


class Reloader:
    """Puts new rules in force for everything of a node that goes by them.

    ``told`` is called after each attempt with what came of it: the time, what changed, and the error, "" for
    none. One attempt goes on at a time.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        rules: Rules,
        users: Iterable[_GoesBy],
        *,
        told: Callable[[float, str, str], None],
    ) -> None:
        self._store, self._settings, self._users, self._told = store, settings, tuple(users), told
        self._problems = rules.problems
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have the rules read anew soon; harmless where that is under way."""
        self._asked.set()

    async def run(self) -> None:
        """Read the rules anew whenever that is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            error, changed = "", ""
            try:
                changed = await self.reload()
            except AcsError as refused:
                error = str(refused)
                _log.error("nothing was reloaded, what was in force stays so", why=error)
            except Exception:  # noqa: BLE001 - whatever it is, the old rules stay in force
                error = "it failed; the log says why"
                _log.exception("nothing was reloaded, what was in force stays so")
            self._told(self._store.clock(), changed, error)

    async def reload(self) -> str:
        """Read the rules anew and put them in force; return what changed, "" where nothing did.

        Raises ``AcsError`` where the policy is wrong, or a playbook is that was not before; then nothing
        changes.
        """
        rules = await asyncio.to_thread(read_rules, self._settings)
        fresh = [each for each in rules.problems if each not in self._problems]
        if fresh:
            raise AcsError("; ".join(fresh[:_SHOWN]))
        before = self._users[0].env
        changed = rules.differs_from(before)
        if changed:
            await self._store.write(_put_in_force, rules.policy, changed, now=self._store.clock())
            after = replace(before, policy=rules.policy, library=rules.library)
            for each in self._users:
                each.env = after
        self._problems = rules.problems
        _log.info("reloaded", changed=changed or "nothing", policy=rules.policy.version)
        return changed


def _put_in_force(conn: Connection, policy: Policy, changed: str, *, now: float) -> None:
    set_inhibitions(conn, policy.inhibit)
    dev.audit(conn, "reload", "policy and playbooks reloaded", policy.version, changed, now=now)
