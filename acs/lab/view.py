"""What a HeMS knows of one HeNB, and what an operator does about it: looked up in the store, never kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy import Connection, select

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs.store.tables import outbox

__all__ = ["View"]

P = ParamSpec("P")
T = TypeVar("T")


class View:
    """One HeNB, as it is seen and dealt with at its HeMS; whoever inherits says which."""

    conn: Connection
    env: rm.Environment
    key: str
    now: float

    def look(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a reading function of the connection."""
        inside = self.conn.in_transaction()
        result = function(self.conn, *args, **kwargs)
        if not inside:
            self.conn.rollback()
        return result

    @property
    def device(self) -> dev.Device:
        """The HeNB as the HeMS knows it."""
        found = self.look(dev.find, self.key)
        assert found is not None
        return found

    def alarms(self) -> list[al.Alarm]:
        """Return the active alarms."""
        return self.look(al.active_alarms, self.device.id)

    def cases(self, kind: str = "remediation") -> list[rm.Case]:
        """Return the cases, the oldest first."""
        return self.look(rm.list_cases, kind=kind)[::-1]

    def journal(self, case: rm.Case) -> list[rm.Step]:
        """Return the steps of a case."""
        return self.look(rm.journal_of, case.id)

    def rungs(self, case: rm.Case) -> list[str]:
        """Return the rungs that a case climbed."""
        return [each.detail[6:] for each in self.journal(case) if each.detail.startswith("rung: ")]

    def outbox(self) -> list[dict[str, Any]]:
        """Return the bodies of all notifications in order."""
        rows = self.look(lambda conn: conn.execute(select(outbox).order_by(outbox.c.id)).all())
        return [msgspec.json.decode(row.body) for row in rows]

    def instruct(
        self, case: rm.Case, action: rm.Instruction, why: str = "because", *, who: str = "operator"
    ) -> bool:
        """Instruct a case as an operator does; False where that takes a second one."""
        with self.conn.begin():
            return rm.instruct(self.conn, case.id, action, who=who, why=why, env=self.env, now=self.now)

    def reach(self, why: str = "not heard of") -> rm.Case:
        """Have the HeNB reached that is not heard of."""
        device = self.device
        with self.conn.begin():
            return rm.reach(self.conn, device.id, who="operator", why=why, env=self.env, now=self.now)

    def comments(self) -> list[str]:
        """Return what the managers were told of cases."""
        return [each["commentText"] for each in self.outbox() if "commentText" in each]

    def run_playbook(self, name: str, *, why: str = "because") -> rm.Case | None:
        """Run an operator's playbook on the HeNB; the case, unless it has to wait."""
        script = self.env.library.get(name)
        device = self.device
        with self.conn.begin():
            return rm.run_playbook(
                self.conn, device.id, script, who="operator", why=why, env=self.env, now=self.now
            )
