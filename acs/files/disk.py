"""How much room is left on the disk: what devices send stops before there is none for the database."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Disk"]

_LOOK = 1.0  # seconds for which what was seen holds


class Disk:
    """The disk of ``directory``, on which ``reserve`` bytes are to stay free; 0: all may be used."""

    def __init__(self, directory: Path, reserve: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._reserve, self._now = directory, reserve, now
        self._free, self._looked_at = 0, -_LOOK

    def free(self) -> int:
        """Return the bytes that are free. Raises ``OSError`` where there is no such directory."""
        now = self._now()
        if now - self._looked_at >= _LOOK:
            found = os.statvfs(self._directory)
            self._free, self._looked_at = found.f_bavail * found.f_frsize, now
        return self._free

    def demand_room(self) -> None:
        """Raise ``OSError`` (ENOSPC) that names the setting, where less than the reserve is free."""
        if self._reserve and self.free() < self._reserve:
            free, least = self._free // 2**20, self._reserve // 2**20
            text = f"{free} MiB are free on the disk; {least} MiB are left for the database (disk_reserve)"
            raise OSError(errno.ENOSPC, text)
