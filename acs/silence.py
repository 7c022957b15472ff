"""Looks now and then for devices that are silent while the network sees them (C-18, S1 L72)."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import Connection

from acs import alarms as al
from acs import detection as dt
from acs import devices as dev
from acs import remediation as rm
from acs.loops import tried_again
from acs.observability import Metrics
from acs.store import Store

__all__ = ["SilenceWatch", "look_at_silence"]

_LOOK = 60.0  # seconds between two looks
_AT_ONCE = 100  # devices in one look
_log = structlog.get_logger(__name__)


def look_at_silence(
    conn: Connection, device_ids: list[int], env: rm.Environment, *, since: float, now: float
) -> list[al.AlarmChange]:
    """Judge the silence of devices and let remediation react; ``since``: when this HeMS began to listen."""
    found: list[al.AlarmChange] = []
    interval = float(env.policy.provisioning.periodic_inform_interval)
    for device_id in device_ids:
        changes = dt.look_for_silence(conn, device_id, env.detection(now), interval=interval, since=since)
        if changes:
            rm.alarms_changed(conn, dev.get(conn, device_id), changes, env=env, now=now)
            found += changes
    return found


class SilenceWatch:
    """One for each node. What was silent before the node began counts from its beginning."""

    def __init__(self, store: Store, env: rm.Environment, metrics: Metrics) -> None:
        self._store, self.env, self._metrics = store, env, metrics
        self._since = store.clock()

    async def look(self) -> None:
        """Look once: reading is no work for the writer, it gets what has to be done."""
        now = self._store.clock()
        interval = float(self.env.policy.provisioning.periodic_inform_interval)
        due = await self._store.read(
            dt.silent_devices, self.env.detection(now), interval=interval, since=self._since, limit=_AT_ONCE
        )
        if due:
            changes = await self._store.write(look_at_silence, due, self.env, since=self._since, now=now)
            for change in changes:
                self._metrics.alarms.labels(change.kind, change.alarm.known_event_type).inc()

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            with tried_again(_log, "silent devices could not be looked for"):
                await self.look()
