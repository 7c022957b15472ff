"""The store: tables, two engines (SQLite, PostgreSQL), group commit, migrations.

Repositories are plain functions ``fn(connection, …)``; ``Store.write`` and ``Store.read`` run them.
"""

from acs.store.master_key import confirm_master_key
from acs.store.signals import signal, signalled
from acs.store.store import Store
from acs.store.work import RefusedError

__all__ = ["RefusedError", "Store", "confirm_master_key", "signal", "signalled"]
