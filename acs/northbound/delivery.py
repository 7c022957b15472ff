"""Telling the managers: what stands in line for each subscription is sent, in order per device.

A subscription is served by one node at a time, a page at a time. The claim is a lease: the POST leaves the
transaction, so a row lock cannot hold it. A node that dies holds it for ``LEASE`` seconds at most.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from acs import subscriptions as sub
from acs.loops import tried_again
from acs.northbound.manager import TIMEOUT, ManagerClient
from acs.northbound.notification import group_body, notification_body
from acs.northbound.sender_loop import SenderLoop
from acs.observability import Metrics
from acs.security import Sealer, SealError
from acs.settings import Settings
from acs.store import Store

__all__ = ["Deliverer"]

_LINES = 16  # devices whose notifications are on their way to one manager at the same time
_PASS = sub.LEASE - 2 * TIMEOUT - 10  # seconds after which no further notification of a page is begun
_MEASURE = 5.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pass:
    """A page on its way, and what became of it so far."""

    client: ManagerClient
    subscription_id: int
    until: float
    delivered: list[int]
    failures: dict[int, sub.Failure]

    @property
    def goes_on(self) -> bool:
        """Whether another notification may be sent: the manager is there, and the claim holds long enough."""
        down = any(each.kind == "down" for each in self.failures.values())
        return not down and asyncio.get_running_loop().time() <= self.until


class Deliverer:
    """Delivers the notifications of all subscriptions; several nodes may run one each."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        sealer: Sealer,
        metrics: Metrics,
        *,
        url: Callable[[], str],
        system_dn: str,
    ) -> None:
        self._store, self._settings, self._sealer, self._metrics = store, settings, sealer, metrics
        self._url, self._system_dn = url, system_dn
        self._node = uuid4().hex
        self._clients: dict[int, tuple[bytes, ManagerClient]] = {}
        self._shown: set[int] = set()
        self._loop = SenderLoop(
            store,
            "subscription",
            due=sub.due_subscriptions,
            page=self._page,
            release=sub.release_all,
            topics=("outbox", "subscriptions"),
            longest=settings.delivery_longest_wait,
        )

    async def run(self) -> None:
        """Deliver until cancelled. What fails is logged and tried again."""
        measuring = asyncio.create_task(self._measure())
        try:
            await self._loop.run()
        finally:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
            for _, client in self._clients.values():
                await client.close()

    async def _page(self, number: int) -> bool:
        """Deliver one page; tell whether to go on at once."""
        now = self._store.clock()
        page = await self._store.write(sub.take_page, number, node=self._node, now=now)
        if page is None:
            return False
        delivered: list[int] = []
        failures: dict[int, sub.Failure] = {}
        groups: list[str] = []
        try:
            await self._send(page, delivered, failures, groups)
        finally:
            for result, count in (
                ("delivered", len(delivered)),
                *((each.kind, 1) for each in failures.values()),
            ):
                self._metrics.deliveries.labels(result).inc(count)
            await asyncio.shield(
                self._store.write(
                    sub.settle,
                    number,
                    node=self._node,
                    delivered=delivered,
                    failures=failures,
                    groups=groups,
                    longest=self._settings.delivery_longest_wait,
                    jitter=random.random(),  # noqa: S311 - it spreads attempts, no more
                    now=self._store.clock(),
                )
            )
        if failures:
            why = next(iter(failures.values())).why
            _log.warning("a manager was not told", subscription=number, notifications=len(failures), why=why)
        return bool(delivered)

    async def _send(
        self, page: sub.Page, delivered: list[int], failures: dict[int, sub.Failure], groups: list[str]
    ) -> None:
        try:
            client = await self._client(page)
        except (SealError, ValueError) as error:
            why = f"the secret of the subscription can't be opened: {error}; add it again"
            first = page.waiting[0].id if page.waiting else page.groups[0].ids[0]
            failures[first] = sub.Failure("down", why)
            return
        under_way = _Pass(
            client, page.subscription.id, asyncio.get_running_loop().time() + _PASS, delivered, failures
        )
        lines: dict[int, list[sub.Waiting]] = {}
        for waiting in page.waiting:
            lines.setdefault(waiting.line, []).append(waiting)
        queue, messages = list(reversed(lines.values())), list(reversed(page.groups))

        async def work() -> None:
            while queue and under_way.goes_on:
                await self._line(under_way, queue.pop())
            while messages and under_way.goes_on:
                await self._group(under_way, messages.pop(), groups)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_LINES, len(lines) + len(messages))):
                group.create_task(work())

    async def _line(self, under_way: _Pass, line: Sequence[sub.Waiting]) -> None:
        """Send the notifications of a device one after the other; what is not delivered stops them."""
        url = self._url()
        for waiting in line:
            if not under_way.goes_on:
                return
            body = notification_body(waiting, url=url, system_dn=self._system_dn)
            message_id = f"{under_way.subscription_id}-{waiting.id}"
            failure = await under_way.client.send(message_id, body, now=self._store.clock())
            if failure is None:
                under_way.delivered.append(waiting.id)
                continue
            under_way.failures[waiting.id] = failure
            if failure.kind != "refused":
                return

    async def _group(self, under_way: _Pass, group: sub.Group, told: list[str]) -> None:
        """Send one message about many notifications; what becomes of it becomes of them all."""
        body = group_body(group, url=self._url(), system_dn=self._system_dn)
        # Another number where it tells of more than in the attempt before.
        message_id = f"{under_way.subscription_id}-{group.ids[0]}-{group.ids[-1]}-{len(group.ids)}"
        failure = await under_way.client.send(message_id, body, now=self._store.clock())
        if failure is None:
            under_way.delivered += group.ids
            told.append(group.key)
        else:
            under_way.failures.update(dict.fromkeys(group.ids, failure))

    async def _client(self, page: sub.Page) -> ManagerClient:
        """Return the client of a subscription; a number may be that of another one by now."""
        told, sealed = page.subscription, page.secret_sealed
        kept, client = self._clients.get(told.id, (b"", None))
        if client is None or kept != sealed:
            secret, bearer = sub.open_secrets(
                self._sealer, told.consumer_reference, sealed, page.bearer_sealed
            )
            if client is not None:
                await client.close()
            client = ManagerClient(told.consumer_reference, secret, bearer, told.ca)
            self._clients[told.id] = sealed, client
        return client

    async def _measure(self) -> None:
        """Now and then measure what waits, and keep it within its bound."""
        while True:
            with tried_again(_log, "measuring what is to be delivered failed"):
                await self.measure()
            await asyncio.sleep(_MEASURE)

    async def measure(self) -> None:
        """Show how much waits for each subscription; where it is too much the manager reads the list."""
        now, most = self._store.clock(), self._settings.delivery_backlog
        found = await self._store.read(sub.backlogs)
        for gone in (self._shown | set(self._clients)) - {each.subscription_id for each in found}:
            await self._forget(gone)
        for each in found:
            label = str(each.subscription_id)
            self._shown.add(each.subscription_id)
            self._metrics.delivery_waiting.labels(label).set(each.waiting)
            self._metrics.delivery_lag.labels(label).set(
                max(0.0, now - each.oldest_at) if each.oldest_at else 0
            )
            self._metrics.delivery_dead.labels(label).set(each.dead)
            if each.waiting > most // 10:
                await self._bound(each.subscription_id, most)

    async def _bound(self, number: int, most: int) -> None:
        while count := await self._store.write(
            sub.bound_backlog, number, most=most, system_dn=self._system_dn, now=self._store.clock()
        ):
            self._metrics.deliveries.labels("dropped").inc(count)
            _log.error(
                "too much waited for a manager; it has to read the list", subscription=number, dropped=count
            )

    async def _forget(self, number: int) -> None:
        if self._loop.serves(number):
            return
        _, client = self._clients.pop(number, (b"", None))
        if client is not None:
            await client.close()
        if number in self._shown:
            self._shown.discard(number)
            for gauge in (
                self._metrics.delivery_waiting,
                self._metrics.delivery_lag,
                self._metrics.delivery_dead,
            ):
                gauge.remove(str(number))
