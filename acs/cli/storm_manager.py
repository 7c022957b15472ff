"""A manager behind Type 2 that only counts what it is told, for ``acs bench storm``."""

from __future__ import annotations

import json
import ssl
import time
from collections import Counter
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection

from acs import subscriptions as sub
from acs.security import Authority, Sealer, Secrets
from acs.store import Store

__all__ = ["Manager"]


class Manager:
    """An HTTPS server that is subscribed to alarms.

    ``heard``: how often each notification came, by its id.
    """

    def __init__(self, directory: Path) -> None:
        authority = Authority.load_or_create(directory, "Storm manager CA")
        issued = authority.issue_server(["localhost"])
        (directory / "manager.pem").write_bytes(issued.certificate)
        (directory / "manager.key").write_bytes(issued.key)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(directory / "manager.pem", directory / "manager.key")
        self._ca = (directory / "ca.pem").read_text()
        self.heard: Counter[int] = Counter()
        self._runner: web.AppRunner | None = None

    async def start(self, store: Store, data: Path) -> None:
        """Listen, and subscribe at the ACS whose database and data directory these are."""
        app = web.Application()
        app.router.add_post("/notify", self._notify)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        url = f"https://localhost:{self._runner.addresses[0][1]}/notify"
        sealer = Sealer(Secrets.load_or_create(data).store_key)

        def subscribe(conn: Connection) -> None:
            wanted = sub.Filter(notification_types=("notifyNewAlarm", "notifyClearedAlarm"))
            sub.add_subscription(
                conn,
                url,
                wanted,
                sealer=sealer,
                who="acs bench",
                owner="acs bench",
                ca=self._ca,
                now=time.time(),
            )

        await store.write(subscribe)

    async def _notify(self, request: web.Request) -> web.Response:
        self.heard[json.loads(await request.read())["notificationId"]] += 1
        return web.Response(status=204)

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
