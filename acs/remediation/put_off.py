"""Cases that are begun later: in a storm alarms are stored first, then something is done about each.

A case is opened in the transaction of its alarm, whatever comes. What is put off is its first step, and with
it the session, as long as there are more devices than the ACS can serve. A row stands for such a case: it
survives restarts, and any node begins it, the most severe first.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from acs.devices import Device
from acs.remediation.cases import Case
from acs.remediation.policy import Policy
from acs.remediation.safety.rules import urgency
from acs.remediation.safety.slots import held_cases
from acs.store.tables import cases_put_off as table

__all__ = ["may_be_put_off", "put_back", "put_off", "put_off_cases", "take_put_off", "waiting_cases"]

_WHY = "it begins when there is room: alarms are stored first"
_CALLED = "accepted"  # ends the result of a connection request that the device heard
_PUT_OFF = insert(table)
_FIRST = (
    select(table.c.case_id)
    .order_by(table.c.urgency, table.c.put_off_at, table.c.case_id)
    .limit(bindparam("many"))
)
_BACK = update(table).where(table.c.case_id == bindparam("case")).values(put_off_at=bindparam("now"))
_TAKE = delete(table).where(table.c.case_id == bindparam("case"))


def may_be_put_off(case: Case, device: Device, policy: Policy) -> bool:
    """Tell whether a case can wait: it does not block its device, which can be called when its turn comes."""
    if case.procedure in policy.safety.urgent:
        return False
    tried = device.connection_request_result
    if tried and not tried.endswith(_CALLED):
        return False
    return bool(device.connection_request_url or device.udp_binding or device.jabber_id)


def put_off(conn: Connection, case: Case, *, now: float) -> None:
    """Put a case that has not begun into the line."""
    place = urgency(case.fact.get("perceived_severity"))
    conn.execute(_PUT_OFF, {"case_id": case.id, "urgency": place, "put_off_at": now})


def put_off_cases(conn: Connection, *, limit: int) -> list[int]:
    """Return the cases that are to be begun next."""
    return list(conn.execute(_FIRST, {"many": limit}).scalars())


def put_back(conn: Connection, case_id: int, *, now: float) -> None:
    """Put a case that could not be begun behind the others."""
    conn.execute(_BACK, {"case": case_id, "now": now})


def waiting_cases(conn: Connection, case_ids: Iterable[int]) -> dict[int, str]:
    """Return why cases wait, by the case, of those that are put off or wait for a slot."""
    wanted = list(case_ids)
    found = conn.execute(select(table.c.case_id).where(table.c.case_id.in_(wanted))).scalars()
    return {**dict.fromkeys(found, _WHY), **held_cases(conn, wanted)}


def take_put_off(conn: Connection, case_id: int) -> bool:
    """Take a case out of the line; False where it does not stand there."""
    return conn.execute(_TAKE, {"case": case_id}).rowcount > 0
