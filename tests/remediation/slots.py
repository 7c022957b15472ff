"""Cases that want slots, for the tests of safety at scale."""

from __future__ import annotations

from acs import devices as dev
from acs.remediation.cases import open_case
from acs.remediation.policy import parse_policy
from acs.remediation.safety.limits import Canary, GroupLimit, Safety
from acs.remediation.safety.slots import ask, give_out
from tests.world import POLICY

__all__ = ["NOW", "RULES", "asks", "gives", "make_cases"]

NOW = 1_800_000_000.0
RULES = Safety(
    limits={"fleet": GroupLimit(concurrent=3), "site": GroupLimit(concurrent=1)}, canary=Canary(cases=0)
)


def make_case(conn, device_id: int) -> int:
    """Open a case of a device; return its id."""
    made = open_case(
        conn,
        device_id,
        kind="remediation",
        procedure="P2R",
        playbook="reconfiguration",
        policy=parse_policy(POLICY),
        alarm_id=None,
        because="a test",
        facts={},
        now=NOW,
    )
    return made.id


def make_cases(conn, count: int) -> list[int]:
    """Open that many cases, each of a device of its own; return their ids."""
    made = []
    for number in range(count):
        device = dev.register(conn, "0005B9", f"S{number}", product_class="HeNB-LTE", now=NOW)
        made.append(make_case(conn, device.id))
    return made


def asks(conn, case_id: int, *, site: str = "", urgency: int = 1, now: float = NOW, rules: Safety = RULES):
    groups = [f"site:{site}", "fleet"] if site else ["fleet"]
    return ask(conn, case_id, groups, urgency=urgency, rules=rules, system_dn="DC=x", now=now)


def gives(conn, *, now: float = NOW, rules: Safety = RULES) -> None:
    give_out(conn, rules=rules, system_dn="DC=x", now=now)
