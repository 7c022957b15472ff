"""S1 5.7.3.2 (L82-L84): emergency remediation, when neither path reaches the HeMS."""

from __future__ import annotations

import pytest

from tests.seed.scene import EVERYTHING, provisioned


@pytest.mark.parametrize(
    ("fault", "connected", "cut", "begins"),
    [
        (True, True, EVERYTHING, True),
        (False, True, EVERYTHING, False),
        (True, False, EVERYTHING, False),
        (True, True, {"standard"}, False),
    ],
    ids=["all of it", "no fault", "no connection to the HeNB-GW or MME", "the second path works"],
)
def test_L82_1_it_begins_with_a_fault_a_connection_and_no_path_to_the_hems(fault, connected, cut, begins):
    scene = provisioned(distress=1, emergency_available=True)
    scene.henb.distress.connected = connected
    scene.cut = set(cut)
    if fault:
        scene.henb.tamper("case-opened", scene.now)
    scene.run(20_000)
    assert ("EMERGENCY_BOOT" in scene.stages()) == begins
