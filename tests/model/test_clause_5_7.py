"""Clause 5.7 as a model: whatever happens to HeMS, HeNB and what is between them, every case ends aloud.

Run for long with ``make model``.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from acs.errors import AcsError
from acs.remediation import INSTRUCTIONS
from acs.simulator import PRODUCT_CLASS, TAMPERS, Fault
from acs.simulator.firmware import build_image
from tests.model.story import Watched, check_end, check_step
from tests.world import POLICY, VENDOR

EXAMPLES = int(os.environ.get("ACS_MODEL_EXAMPLES", "0"))
"""How many examples a long run has; 0: the few, always the same, of ``make test``."""
SELDOM = f"{POLICY}provisioning: {{periodic_inform_interval: 14400}}\n"
CUTS = (
    "standard",
    "call",
    "IPsec2",
    "Internet",
    "trigger",
    "trigger IPsec2",
    "trigger Internet",
    "emergency",
)
FAULTS = (
    *(("GetParameterValues", code, False) for code in (9002, 9004)),
    *(("SetParameterValues", code, False) for code in (9002, 9000, 9007)),
    *(("Download", code, False) for code in (9010, 9015, 9018)),
    *(("Reboot", 9002, hang) for hang in (False, True)),
    *(("FactoryReset", 9002, hang) for hang in (False, True)),
    ("SelfTestDiagnostics", 9002, True),
)
QUIET = 36 * 3600
"""Seconds within which every case has to come to its end once nothing more happens."""


class Clause57(RuleBasedStateMachine):
    """Attackers, the network, the device's faults, its owner and the operator take turns."""

    @initialize(
        distress=st.integers(0, 2), emergency=st.booleans(), image=st.sampled_from(["2.0.0", "2.0.0", None])
    )
    def begin(self, distress: int, emergency: bool, image: str | None) -> None:
        self.losses: list[bool] = []
        self.world = Watched(
            policy=SELDOM,
            distress=distress,
            image=image,
            emergency_available=emergency,
            lose=self._lose,
            roles=("serving", "emergency"),
        )
        self.world.boot()
        self.tampered = 0

    def _lose(self, _where: str) -> bool:
        return self.losses.pop(0) if self.losses else False

    def _run(self, seconds: float) -> None:
        self.world.run(seconds)
        check_step(self.world)

    # --- the attacker -------------------------------------------------------------------

    @precondition(lambda self: self.tampered < 4 and self.world.henb.state == "running")
    @rule(
        name=st.sampled_from(sorted(TAMPERS)),
        until=st.sampled_from(["", "reboot", "factory_reset", "never"]),
        seconds=st.sampled_from([0.1, 15, 100, 4000]),
    )
    def tamper(self, name: str, until: str, seconds: float) -> None:
        self.tampered += 1
        self.world.henb.tamper(name, self.world.now, until=until)
        self._run(seconds)

    # --- the network --------------------------------------------------------------------

    @rule(what=st.sampled_from(CUTS), seconds=st.sampled_from([0, 60, 3600]))
    def cut(self, what: str, seconds: float) -> None:
        self.world.cut.add(what)
        self._run(seconds)

    @precondition(lambda self: self.world.cut)
    @rule(data=st.data(), seconds=st.sampled_from([0, 60, 3600]))
    def heal(self, data: Any, seconds: float) -> None:
        self.world.cut.discard(data.draw(st.sampled_from(sorted(self.world.cut))))
        self._run(seconds)

    @rule(which=st.lists(st.booleans(), min_size=1, max_size=12))
    def lose_messages(self, which: list[bool]) -> None:
        """Requests before the HeMS, or answers after its commit, in turn."""
        self.losses += which

    # --- the device and its owner -------------------------------------------------------

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def fault(self, fault: tuple[str, int, bool], times: int) -> None:
        method, code, hang = fault
        self.world.henb.faults.append(Fault(method, code, 1 if hang else times, hang))

    @rule(version=st.sampled_from(["1.9.9", "2.0.0"]))
    def file_server_has(self, version: str) -> None:
        """The file under the approved image's name is, or is not, what was approved."""
        self.world.image = build_image(version, PRODUCT_CLASS, VENDOR, size=100)

    @precondition(lambda self: self.world.henb.state != "restarting")
    @rule(seconds=st.sampled_from([0.1, 600]))
    def power_cycle(self, seconds: float) -> None:
        self.world.henb.power_on(self.world.now, first=False)
        self._run(seconds)

    # --- the HeMS -----------------------------------------------------------------------

    @rule()
    def restart_hems(self) -> None:
        """Another node goes on with what is stored."""
        self.world.restart()
        self._run(1)

    @precondition(lambda self: any(case.state != "closed" for case in self.world.cases()))
    @rule(action=st.sampled_from(INSTRUCTIONS), seconds=st.sampled_from([1, 600]))
    def instruct(self, action: Any, seconds: float) -> None:
        (case,) = [each for each in self.world.cases() if each.state != "closed"]
        try:
            self.world.instruct(case, action)
        except AcsError:
            assert self.world.cases()[-1] == case  # what does not fit changes nothing
        self._run(seconds)

    @rule(hours=st.sampled_from([0.1, 1, 5]))
    def wait(self, hours: float) -> None:
        self._run(hours * 3600)

    # --- the end ------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._run(QUIET)
        check_end(self.world, healed=False)
        self.world.cut.clear()
        self.losses.clear()
        self.world.henb.faults.clear()
        self._run(QUIET)
        check_end(self.world, healed=True)


@pytest.mark.timeout(0 if EXAMPLES else 400)
@pytest.mark.row("S1 L10")
def test_every_case_ends_and_is_told_whatever_goes_wrong():
    long = EXAMPLES > 0
    run_state_machine_as_test(
        Clause57,
        settings=settings(
            max_examples=EXAMPLES or 14,
            stateful_step_count=25 if long else 12,
            derandomize=not long,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if long else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
