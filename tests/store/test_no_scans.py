"""Nothing that a device causes reads a whole table: SQLite is asked how it finds each statement's rows."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from tests.world import World

GROWING = (
    *("alarms", "alarm_events", "alarm_holds", "cases", "commands", "command_parts", "deliveries"),
    *("detections", "devices", "distress_triggers", "journal", "measures", "outbox", "parameters", "uploads"),
)
"""Tables that grow with the fleet and its history."""


def heard(world: World) -> list[tuple[str, object]]:
    """Return a list that fills with the statements of the world from now on, each once."""
    seen: set[str] = set()
    statements: list[tuple[str, object]] = []

    def keep(conn, cursor, statement, parameters, context, executemany) -> None:
        if statement not in seen and not executemany and statement.startswith(("SELECT", "UPDATE", "DELETE")):
            seen.add(statement)
            statements.append((statement, parameters))

    event.listen(world.conn, "before_cursor_execute", keep)
    return statements


@pytest.mark.parametrize("cause", ["configuration-modified", "software-modified", "case-opened"])
def test_a_remediation_scans_no_table_that_grows(cause):
    world = World()
    world.boot()
    world.run(60)
    statements = heard(world)
    world.henb.tamper(cause, world.now, until="reboot")
    world.run(1000)
    asked = list(statements)
    assert world.cases()[-1].state == "closed"
    found = []
    cursor = world.conn.connection.cursor()
    for statement, parameters in asked:
        if " WHERE " not in statement.replace("\n", " ") and "LIMIT" in statement:
            continue  # a page of the newest
        for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
            plan = row[3]
            if re.match(rf"SCAN ({'|'.join(GROWING)})\b(?!.*USING (COVERING )?INDEX ix)", plan):
                found.append(f"{plan}: {statement[:300]}")
    assert found == []
