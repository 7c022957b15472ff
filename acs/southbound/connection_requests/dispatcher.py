"""Calls the devices for which something waits, each independent of the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from acs import devices as dev
from acs.devices import ConnectionRequestTarget
from acs.loops import tried_again
from acs.observability import Metrics
from acs.security import Sealer, SealError, Secrets
from acs.southbound.connection_requests.ways import (
    CALL_TIMEOUT,
    Outcome,
    Reason,
    Target,
    Way,
    order_of_ways,
)
from acs.store import Store

__all__ = ["Dispatcher", "seal_call_password"]

USERNAME = "acs"
_PAUSE = 0.5
CONTEXT = b"connection-request-password"
_log = structlog.get_logger(__name__)


def seal_call_password(secrets: Secrets, password: str) -> bytes:
    """Return a password of connection requests as the store keeps it."""
    return Sealer(secrets.store_key).seal(password.encode(), CONTEXT)


class Dispatcher:
    """Calls the devices whose call is due. Several nodes may run one each; a call too many does no harm.

    ``in_flight`` bounds how many devices are called at once. A device that is slow holds one place, no
    other device. ``jitter`` returns a number of 0 to 1 that spreads the next tries. ``in_vain`` is
    told of a device that did not come for the call before: its id, how many there were in a row, the time.
    """

    def __init__(
        self,
        store: Store,
        secrets: Secrets,
        metrics: Metrics,
        ways: Sequence[Way],
        *,
        in_flight: int = 256,
        jitter: random.Random | None = None,
        in_vain: Callable[[Connection, int, int, float], object] | None = None,
    ) -> None:
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._ways, self._limit, self._in_vain = ways, in_flight, in_vain
        self._jitter = random.Random() if jitter is None else jitter  # noqa: S311 - spreads retries, keeps no secret
        self._sealer = Sealer(secrets.store_key)
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()

    async def run(self) -> None:
        """Call whoever is due, until cancelled."""
        try:
            while True:
                with tried_again(_log, "whom to call could not be read"):
                    await self.begin_due()
                await asyncio.sleep(_PAUSE)
        finally:
            await self._abandon()

    async def begin_due(self) -> None:
        """Begin the calls that are due, as many as there is room for; none is waited for."""
        if len(self._calls) >= self._limit:
            return
        now = self._store.clock()
        # Those that are being called are still due: ask for as many more.
        due = await self._store.read(dev.due_connection_requests, now=now, limit=self._limit)
        for each in due:
            if len(self._calls) >= self._limit:
                return
            # Those that have failed before have half of the places: however many devices let the ACS wait
            # for their answers, those that answer are called.
            crowded = each.attempts > 0 and len(self._again) >= max(1, self._limit // 2)
            if each.device_id in self._calls or crowded:
                continue
            task = asyncio.create_task(self._call(each), name=f"call {each.device_key}")
            self._calls[each.device_id] = task
            if each.attempts:
                self._again.add(each.device_id)
            task.add_done_callback(partial(self._ended, each.device_id))

    def _ended(self, device_id: int, _: asyncio.Task[None]) -> None:
        self._calls.pop(device_id, None)
        self._again.discard(device_id)

    async def settled(self) -> None:
        """Wait until no call is under way."""
        while self._calls:
            await asyncio.wait(list(self._calls.values()))

    async def _abandon(self) -> None:
        calls = list(self._calls.values())
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _call(self, row: ConnectionRequestTarget) -> None:
        try:
            await self._note(row, *await self._outcome(row))
            if row.attempts and self._in_vain is not None:
                await self._store.write(self._in_vain, row.device_id, row.attempts, self._store.clock())
        except Exception:  # noqa: BLE001 - one device, whatever it does, keeps no other from being called
            _log.exception("the outcome of a connection request could not be stored", device=row.device_key)

    async def _outcome(self, row: ConnectionRequestTarget) -> tuple[str, Outcome]:
        """Call the device by one way after the other; return the last way and what came of it."""
        try:
            target = self._target(row)
        except SealError:
            text = "its connection-request password is sealed under another key; set it again"
            return "", Outcome(Reason.FAILED, text)
        failures: list[tuple[str, Outcome]] = []
        for way in order_of_ways(target, self._ways):
            outcome = await self._try(way, target)
            self._metrics.connection_requests.labels(way.name, outcome.reason.value).inc()
            if outcome.reason.good:
                return way.name, outcome
            failures.append((way.name, outcome))
            _log.info(
                "connection request failed",
                device=row.device_key,
                way=way.name,
                reason=outcome.reason.value,
                why=outcome.text,
            )
        if not failures:
            self._metrics.connection_requests.labels("none", Reason.NO_ADDRESS.value).inc()
            text = "the device has reported no ConnectionRequestURL, nor another address that can be called"
            return "", Outcome(Reason.NO_ADDRESS, text)
        if len(failures) == 1:
            return failures[0]
        # The operator reads of all; the first is the one that was most likely to succeed.
        text = "; ".join(f"{name}: {outcome.text}" for name, outcome in failures)
        wait = max(outcome.retry_after for _, outcome in failures)
        return failures[0][0], Outcome(failures[0][1].reason, text, wait)

    async def _try(self, way: Way, target: Target) -> Outcome:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                return await way.call(target)
        except TimeoutError:
            return Outcome(Reason.TIMEOUT, f"given up after {CALL_TIMEOUT:g} s")
        except Exception as error:  # noqa: BLE001 - a mistake of ours is this device's failure, not the loop's
            _log.exception("a connection request broke", device=target.device_key, way=way.name)
            return Outcome(Reason.FAILED, f"the ACS failed: {type(error).__name__}")

    def _target(self, row: ConnectionRequestTarget) -> Target:
        username, password = USERNAME, self._secrets.connection_request_password(row.device_key)
        if row.secret_sealed is not None:
            username = row.username
            password = self._sealer.open(row.secret_sealed, CONTEXT).decode()
        return Target(
            device_key=row.device_key,
            username=username,
            password=password,
            url=row.url,
            udp_address=row.udp_address,
            binding=row.binding,
            jabber_id=row.jabber_id,
            nat_detected=row.nat_detected,
            certificate_name=row.certificate_name or "",
            attempts=row.attempts,
        )

    async def _note(self, row: ConnectionRequestTarget, way: str, outcome: Outcome) -> None:
        now, result = self._store.clock(), f"{way} {outcome.reason.value}".strip()
        if outcome.reason.good:
            await self._store.write(
                dev.connection_request_sent, row.device_id, result=result, due_at=row.due_at, now=now
            )
            return
        await self._store.write(
            dev.connection_request_failed,
            row.device_id,
            outcome.text or outcome.reason.value,
            result=result,
            lasting=outcome.reason.lasting,
            wait=outcome.retry_after,
            jitter=self._jitter.random(),
            due_at=row.due_at,
            now=now,
        )
