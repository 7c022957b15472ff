"""Policy and playbooks of a running node are read anew: checked first, at once, without a restart."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from acs import devices as dev
from acs.alarms import inhibitions_in_force
from acs.errors import AcsError
from acs.simulator import Vendor
from tests.nodes import running_node
from tests.waiting import until

BEFORE = "extends: default\nname: before\nprovisioning: {periodic_inform_interval: 600}\n"
AFTER = """
extends: default
name: after
minimal_versions: {"*": "3.0"}
inhibit:
  - {name: power, source: ["specific_problem=POWER"], target: ["specific_problem=CELL"], because: no power}
"""
MINE = "async def mine(case):\n    return {!r}\n"


@pytest.fixture
async def node(tmp_path):
    (tmp_path / "policy.yaml").write_text(BEFORE)
    (tmp_path / "playbooks").mkdir(mode=0o700)
    (tmp_path / "playbooks/mine.py").write_text(MINE.format("first"))
    files = {"policy": tmp_path / "policy.yaml", "playbooks": tmp_path / "playbooks"}
    async with running_node(tmp_path / "acs", Vendor(tmp_path / "vendor"), **files) as node:
        yield node


def in_force(node) -> tuple[str, str]:
    return node.env.policy.name, node.env.library.get("mine").version


async def test_both_are_put_in_force_for_everything_that_goes_by_them(node, tmp_path):
    was, version = in_force(node), node.env.policy.version
    (tmp_path / "policy.yaml").write_text(AFTER)
    (tmp_path / "playbooks/mine.py").write_text(MINE.format("second"))
    changed = await node._reloader.reload()
    assert changed == f"policy {version} to {node.env.policy.version}; playbooks changed: mine"
    assert (node.env.policy.name, was[0]) == ("after", "before")
    assert in_force(node)[1] != was[1]
    assert len(node._by_rules) >= 7
    assert all(each.env is node.env for each in node._by_rules)
    assert node.southbound.endpoint.env.policy.name == "after"
    [rule] = await node.store.read(inhibitions_in_force)
    assert rule.because == "no power"
    entries = await node.store.read(dev.audit_entries)
    assert any("policy and playbooks reloaded" in str(each) for each in entries)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("policy.yaml", "extends: default\nname: [", "policy.yaml"),
        ("policy.yaml", "extends: default\nrules: []\n", "there is no rule"),
        ("playbooks/mine.py", "async def mine(case:\n", "mine.py:1"),
        ("playbooks/mine.py", "import time\nasync def mine(case):\n    pass\n", "time is not for playbooks"),
    ],
)
async def test_what_is_wrong_changes_nothing_at_all(node, tmp_path, file, text, why):
    was = in_force(node)
    (tmp_path / "policy.yaml").write_text(AFTER)
    (tmp_path / "playbooks/mine.py").write_text(MINE.format("second"))
    (tmp_path / file).write_text(text)
    with pytest.raises(AcsError, match=why):
        await node._reloader.reload()
    assert in_force(node) == was
    assert await node.store.read(inhibitions_in_force) == []
    facts = json.loads((tmp_path / "acs/node.json").read_text())
    assert facts["policy"] == node.env.policy.version


async def test_a_policy_that_names_a_playbook_that_is_not_there_is_refused(node, tmp_path):
    text = BEFORE + "ladders: {reconfiguration: ['playbook:nobody']}\n"
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(AcsError, match="names playbook:nobody, which is not there"):
        await node._reloader.reload()
    assert in_force(node)[0] == "before"


async def test_what_was_wrong_before_holds_up_nothing_else(tmp_path):
    (tmp_path / "playbooks").mkdir(mode=0o700)
    (tmp_path / "playbooks/bad.py").write_text("import time\n")
    vendor = Vendor(tmp_path / "vendor")
    async with running_node(tmp_path / "acs", vendor, playbooks=tmp_path / "playbooks") as node:
        (tmp_path / "playbooks/mine.py").write_text(MINE.format("first"))
        assert await node._reloader.reload() == "playbooks new: mine"
        assert await node._reloader.reload() == ""


async def test_a_node_that_is_asked_tells_what_came_of_it(node, tmp_path):
    def told():
        return json.loads((tmp_path / "acs/node.json").read_text())["reload"]

    assert told() is None
    (tmp_path / "policy.yaml").write_text("extends: default\nname: [")
    node.reload()
    first = await until(told)
    assert "policy.yaml" in first["error"]
    (tmp_path / "policy.yaml").write_text(AFTER)
    node.reload()
    await until(lambda: told() != first)
    assert (told()["error"], node.env.policy.name) == ("", "after")


async def test_nothing_is_sent_a_signal_that_is_no_node(tmp_path):
    from acs.cli.reload import _runs

    process = await asyncio.create_subprocess_exec("sleep", "60")
    assert not _runs(process.pid)
    assert not _runs(None)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
