"""Wake-ups that ride on a transaction: told after the commit, never before, never without it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from sqlalchemy import Connection

__all__ = ["Callback", "Publish", "Registry", "Signal", "signal", "signalled", "take"]

Signal = tuple[str, str]
"""A topic and a payload."""
Callback = Callable[[str], None]
"""What is called with the payload."""
Publish = Callable[[Iterable[Signal]], None]
"""Tells what was signalled to those who listen, in the event loop."""
_KEY = "acs.signals"
_log = logging.getLogger(__name__)


def signal(conn: Connection, topic: str, payload: str = "") -> None:
    """Tell whoever listens to ``topic`` once this transaction has committed."""
    conn.info.setdefault(_KEY, []).append((topic, payload))


def signalled(conn: Connection, topic: str, payload: str = "") -> bool:
    """Tell whether this piece of work has signalled that so far."""
    return (topic, payload) in conn.info.get(_KEY, ())


def take(conn: Connection) -> list[Signal]:
    """Remove and return the signals gathered on this connection since the last call."""
    pending: list[Signal] = conn.info.pop(_KEY, [])
    return pending


class Registry:
    """Who listens to which topic. Callbacks run in the event loop and must not block."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}

    def on(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Register ``callback``; the returned function removes it."""
        callbacks = self._callbacks.setdefault(topic, [])
        callbacks.append(callback)

        def off() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return off

    def publish(self, signals: Iterable[Signal]) -> None:
        """Call the callbacks; one that fails keeps nobody else from hearing."""
        for topic, payload in signals:
            for callback in tuple(self._callbacks.get(topic, ())):
                try:
                    callback(payload)
                except Exception:  # noqa: BLE001 - it has committed; the lane must go on
                    _log.exception("a listener failed", extra={"topic": topic})
