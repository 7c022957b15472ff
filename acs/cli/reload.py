"""``acs reload``: have a running node read its policy and its playbooks anew."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from acs.cli.node import node_facts, settings_of
from acs.cli.options import Config, Data
from acs.cli.output import console
from acs.errors import AcsError

__all__ = ["reload"]

_PATIENCE = 30.0  # seconds; to load playbooks takes long on a machine that has much to do
_LOOK = 0.1


def reload(data: Data = None, config: Config = None) -> None:
    """Have the node that runs on this data directory read its policy and its playbooks anew.

    Both are checked first; where anything is wrong, nothing changes, and what is wrong is told. Cases that
    are open finish on what they began with. SIGHUP does the same. Of several nodes each is told on its own
    machine.
    """
    settings = settings_of(data, config)
    facts = node_facts(settings)
    if not _runs(facts.get("pid")):
        raise AcsError(f"no node runs on {settings.data} on this machine; name its directory with --data")
    before = facts.get("reload")
    try:
        os.kill(facts["pid"], signal.SIGHUP)
    except PermissionError as error:
        raise AcsError(
            f"the node is another user's; send SIGHUP to process {facts['pid']} as that"
        ) from error
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        time.sleep(_LOOK)
        facts = node_facts(settings) or facts
        told = facts.get("reload")
        if told is None or told == before:
            continue
        if told["error"]:
            raise AcsError(f"nothing was reloaded, what was in force stays so: {told['error']}")
        changed = told["changed"] or "nothing has changed"
        console.print(f"in force: policy {facts['policy']}; {changed}", markup=False, highlight=False)
        return
    raise AcsError(f"the node did not answer within {_PATIENCE:g} s; its log says what it does")


def _runs(pid: object) -> bool:
    """Tell whether a node has this process id, as far as the system tells: SIGHUP ends what is none."""
    if not isinstance(pid, int):
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        if Path("/proc/self/cmdline").exists():
            return False
        try:  # a system without /proc
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    return b"serve" in words
