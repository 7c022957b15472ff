"""``acs bench storm``: with few devices, over real sockets, and what it counts."""

from __future__ import annotations

import pytest

from acs.cli.storm import most_at_once


def test_spans_that_overlap():
    assert most_at_once([]) == 0
    assert most_at_once([(1, 2), (2, 3)]) == 1
    assert most_at_once([(1, 3), (2, 4), (2.5, None), (5, 6)]) == 3


@pytest.mark.parametrize("way", [(), ("--new",)])
def test_a_small_storm_is_told_once_and_stays_within_its_limits(acs, way):
    options = ("--devices", 6, "--seconds", 1, "--concurrent", 2, "--reboot", 0.1, "--patience", 60)
    found = acs("bench", "storm", *options, *way, "--json").json
    assert (found["alarms raised"], found["acknowledged"], found["forwarded"]) == (6, 6, 6)
    assert (found["ends forwarded"], found["lost"], found["doubled"]) == (6, 0, 0)
    assert found["cases"] == "6 REMEDIATED"
    assert 1 <= found["disturbed at once"] <= 2
