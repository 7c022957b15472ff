"""S1 5.7.4 (L88-L97): what the systems above the HeMS do."""

from __future__ import annotations


def test_L92_the_henb_is_blocked_at_the_hems(scene):
    scene.tamper("configuration-modified", until="never")
    scene.instruct(scene.case, "BLOCK", "it can't be remedied")
    scene.run(2000)
    assert scene.device.blocked
    assert set(scene.refused) == {"blocked"}
    assert scene.end() == ("P2R", "waiting", "BLOCKED")
