"""What watches the node: /metrics, /healthz and /readyz, on a listener of their own without authentication.

It tells nothing of devices but numbers, and binds to loopback unless the settings say otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web
from prometheus_client import generate_latest

from acs.observability import Metrics
from acs.southbound import bind
from acs.store import Store

__all__ = ["Management"]

_LEAST = 8 * 1024 * 1024  # bytes; a transaction and its journal are far smaller
_log = structlog.get_logger(__name__)


class Management:
    """The listener; ``port`` is known after ``start``. ``ready`` is what /readyz tells.

    ``stopped`` returns the names of the node's tasks that have ended and should not have; ``free`` the bytes
    that are free where the database is, where it is on a disk of this node.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        stopped: Callable[[], list[str]],
        free: Callable[[], int] | None = None,
    ) -> None:
        self._store, self._metrics, self._stopped, self._free = store, metrics, stopped, free
        self._runner: web.AppRunner | None = None
        self.ready = False
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises ``AcsError`` naming address and setting."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics_page)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        self.port = await bind(self._runner, host, port, None, "management_port")

    async def stop(self) -> None:
        """Close the listener."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics_page(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), content_type="text/plain")

    async def _health(self, _: web.Request) -> web.Response:
        stopped = self._stopped()
        status = 500 if stopped else 200
        return web.json_response({"status": "failed" if stopped else "ok", "stopped": stopped}, status=status)

    async def _readiness(self, _: web.Request) -> web.Response:
        if not self.ready:
            return web.json_response({"status": "starting or stopping"}, status=503)
        try:
            async with asyncio.timeout(2):
                await self._store.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
        except Exception as error:  # noqa: BLE001 - each store fails in its own ways; the node is not ready
            _log.warning("the store does not answer", exc_info=True)
            return web.json_response({"status": "the store does not answer", "why": str(error)}, status=503)
        if self._free is not None and (free := self._free()) < _LEAST:
            why = f"{free} bytes are free on the disk of the database"
            return web.json_response({"status": "the disk is full", "why": why}, status=503)
        return web.json_response({"status": "ok"})
