"""Carrying measures out: each system is told by signed webhooks what to do about which device (S1 5.7.4).

A system is served by one node at a time; the claim is a lease, since a POST leaves the transaction. Of one
device only one measure is on its way, so what is undone is never done afterwards.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from acs import measures as ms
from acs.northbound import ManagerClient, SenderLoop
from acs.observability import Metrics
from acs.security import Sealer, SealError
from acs.settings import Settings
from acs.southbound import CallError, Guard
from acs.store import Store
from acs.subscriptions import Failure

__all__ = ["Enforcer", "measure_body"]

_log = structlog.get_logger(__name__)


def measure_body(order: ms.Order, *, system_dn: str) -> bytes:
    """Return what a system is sent; see docs/measures.md."""
    measure = order.measure
    return msgspec.json.encode(
        {
            "measureId": measure.id,
            "operation": ms.operation_of(measure.measure, measure.action),
            "measure": measure.measure,
            "device": {
                "deviceKey": measure.device_key,
                "oui": order.oui,
                "productClass": order.product_class,
                "serialNumber": order.serial_number,
                "certificateName": order.certificate_name,
            },
            "reason": measure.because,
            "requestedBy": measure.who,
            "requestedAt": measure.created_at,
            "caseId": measure.case_id,
            "systemDN": system_dn,
        }
    )


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp to addresses that the guard lets be called, and to no others."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the guard gives both
    ) -> list[ResolveResult]:
        """Return the allowed addresses. Raises ``OSError`` where there is none."""
        try:
            found = await self._guard.resolve(host, port)
        except CallError as error:
            raise OSError(error.text) from error
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Enforcer:
    """Tells the systems what waits for them; several nodes may run one each."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        sealer: Sealer,
        metrics: Metrics,
        guard: Guard,
        *,
        system_dn: str,
    ) -> None:
        self._store, self._settings, self._sealer, self._metrics = store, settings, sealer, metrics
        self._guard, self._system_dn = guard, system_dn
        self._node = uuid4().hex
        self._loop = SenderLoop(
            store,
            "system",
            due=ms.due_targets,
            page=self._page,
            release=ms.release_all,
            topics=("measures",),
            longest=settings.delivery_longest_wait,
        )

    async def run(self) -> None:
        """Send until cancelled. What fails is logged and tried again."""
        await self._loop.run()

    async def _page(self, number: int) -> bool:
        """Tell a system about some devices; tell whether to go on at once."""
        orders = await self._store.write(ms.take_orders, number, node=self._node, now=self._store.clock())
        if not orders:
            return False
        outcomes: dict[int, Failure | None] = {}
        try:
            await self._send(number, orders, outcomes)
        finally:
            await asyncio.shield(self._settle(number, outcomes))
        return any(each is None for each in outcomes.values())

    async def _settle(self, number: int, outcomes: dict[int, Failure | None]) -> None:
        for failure in outcomes.values():
            self._metrics.measures.labels("done" if failure is None else failure.kind).inc()
            if failure is not None:
                _log.warning("a measure was not carried out", target=number, why=failure.why)
        await self._store.write(
            ms.settle,
            number,
            outcomes,
            node=self._node,
            longest=self._settings.delivery_longest_wait,
            jitter=random.random(),  # noqa: S311 - it spreads attempts, no more
            system_dn=self._system_dn,
            now=self._store.clock(),
        )

    async def _send(
        self, number: int, orders: Sequence[ms.Order], outcomes: dict[int, Failure | None]
    ) -> None:
        """Send each order; ``outcomes`` is filled in as the answers come."""
        first = orders[0].measure.id
        try:
            carrier = await self._store.read(ms.open_carrier, number, self._sealer)
        except (SealError, ValueError) as error:
            why = f"the secrets of the system can't be opened: {error}; add it again"
            outcomes[first] = Failure("down", why)
            return
        if carrier is None:
            return
        address = urlsplit(carrier.target.url)
        try:
            await self._guard.resolve(address.hostname or "", address.port or 443)
        except CallError as error:
            outcomes[first] = Failure("down", error.text)
            return
        client = ManagerClient(
            carrier.target.url,
            carrier.secret,
            carrier.bearer,
            carrier.target.ca,
            client=carrier.client,
            resolver=GuardedResolver(self._guard),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for order in orders:
                    group.create_task(self._one(client, order, outcomes))
        finally:
            await client.close()

    async def _one(self, client: ManagerClient, order: ms.Order, outcomes: dict[int, Failure | None]) -> None:
        body = measure_body(order, system_dn=self._system_dn)
        number = order.measure.id
        outcomes[number] = await client.send(f"measure-{number}", body, now=self._store.clock())
