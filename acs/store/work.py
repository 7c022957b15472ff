"""A piece of database work on its way to a thread or task, and how a batch of them is run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection

from acs.store import signals

__all__ = ["Backend", "RefusedError", "Work", "run_batch", "signalled_in"]


class RefusedError(Exception):
    """Raised by a function *before it has written anything*: nothing has to be undone.

    It costs those who share the transaction no second run, so that whoever is refused again and again
    slows nobody.
    """


@dataclass(slots=True, eq=False)
class Work:
    """A function to run with a connection, and the future its caller waits on."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    signals: list[signals.Signal] = field(default_factory=list)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.cancelled()

    def run(self, conn: Connection) -> None:
        """Run it, keeping the result or the refusal; any other error is raised.

        What was given up while it waited for its turn is left out: whoever asked may have asked again, and
        a store that works off what nobody wants never catches up.
        """
        self.error, self.result = None, None
        if self.abandoned:
            return
        try:
            self.result = self.function(conn, *self.args, **self.kwargs)
        except RefusedError as error:
            self.error = error
        self.signals = signals.take(conn)

    def finish(self) -> None:
        """Tell the caller (in the event loop)."""
        if self.future.done():  # the caller gave up waiting
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Backend(Protocol):
    """A database engine: runs what is put into it, several pieces a transaction."""

    dialect: str

    async def start(self, publish: signals.Publish) -> None:
        """Begin to work; ``publish`` is given what was signalled, here or on other nodes."""

    def put(self, work: Work, *, reading: bool) -> None:
        """Queue a piece of work. Raises ``AcsError`` when it is closed, or too much is waiting."""

    async def stop(self) -> None:
        """Finish what is queued, then close."""


def signalled_in(batch: Sequence[Work]) -> list[signals.Signal]:
    """Return what a batch signalled, each distinct signal once."""
    return list(dict.fromkeys(each for work in batch for each in work.signals))


def run_batch(conn: Connection, batch: Sequence[Work]) -> None:
    """Run a batch in one transaction: a piece that fails undoes only itself.

    A single piece needs no savepoint; its error goes up, and the transaction with it. A batch runs behind
    one savepoint; only where a piece fails is all of it undone and run again, each behind its own.
    """
    if len(batch) == 1:
        batch[0].run(conn)
        return
    savepoint = conn.begin_nested()
    try:
        for work in batch:
            work.run(conn)
    except BaseException:  # noqa: BLE001 - the second run finds out whose it is
        savepoint.rollback()
        signals.take(conn)
    else:
        savepoint.commit()
        return
    for work in batch:
        savepoint = conn.begin_nested()
        try:
            work.run(conn)
        except BaseException as error:  # noqa: BLE001 - it is handed to the caller who asked
            savepoint.rollback()
            signals.take(conn)
            work.error = error
        else:
            savepoint.commit()
