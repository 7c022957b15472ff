"""The world of the tests: that of ``acs.lab``, where operators try their playbooks as well."""

from __future__ import annotations

from acs.lab.managed_henb import PACE, VENDOR, LostError, ManagedHenb
from acs.lab.world import DISTRESS_KEY, POLICY, SERIAL, World, open_database

__all__ = [
    "DISTRESS_KEY",
    "PACE",
    "POLICY",
    "SERIAL",
    "VENDOR",
    "LostError",
    "ManagedHenb",
    "World",
    "open_database",
]
