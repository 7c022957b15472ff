"""Nodes that die by SIGKILL at a chosen point: real ``acs serve`` processes, which kill themselves.

A point is just before a commit that writes, just after it, or just after an answer to a device has left.
What comes between two points changes nothing that lasts, so these are all points there are.

``python -m tests.model.dying`` imports everything once and then forks a node for each line of JSON that it
reads, and answers with its pid: a life costs no imports. Before, it starts and stops one itself.

    {"argv": ["serve", …], "log": FILE, "orders": FILE, "environment": {…}, "set": {"MODULE:NAME": VALUE}}

A node counts from the moment its file of orders is there, in which stands where it dies: {"at": 3} at the
third point, {"at": 1, "when": "after", "what": "subscriptions.queue.settle"} at the first of that kind,
{"at": 0} never. It notes the points that it passes, a line each, in the file beside it.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

WHEN = ("before", "after", "answered")
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_WHAT, _WROTE = "dying.what", "dying.wrote"


class Death:
    """Counts the points, notes them, and comes at the one that is ordered."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._lock = threading.Lock()
        self._known: tuple[int, int] | None = None
        self._order: dict[str, Any] = {}
        self._passed = 0
        self._notes = -1

    def point(self, when: str, what: tuple[str, ...]) -> None:
        """Note a point; die where that is ordered."""
        with self._lock:
            if not self._ordered():
                return
            os.write(self._notes, f"{when} {' '.join(what)}\n".encode())
            order = self._order
            if order.get("when", when) == when and order.get("what", what[0]) in what:
                self._passed += 1
                if self._passed == order["at"]:
                    os.kill(os.getpid(), signal.SIGKILL)

    def _ordered(self) -> bool:
        """Tell whether there are orders; read them where they are new."""
        try:
            found = self._orders.stat()
        except FileNotFoundError:
            return False
        key = found.st_ino, found.st_mtime_ns
        if key != self._known:
            self._order = json.loads(self._orders.read_bytes())
            self._known, self._passed = key, 0
            if self._notes != -1:
                os.close(self._notes)
            self._notes = os.open(self._orders.with_suffix(".points"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        return True


def _watch_commits(death: Death) -> None:
    """Have a point before and after every commit that writes, named after the functions that wrote."""
    from sqlalchemy import Engine, event
    from sqlalchemy.engine.default import DefaultDialect

    import acs.store.postgresql
    import acs.store.sqlite
    from acs.store.work import run_batch

    now = threading.local()  # what is being committed; nothing else runs between the event and do_commit

    def named(conn: Any, batch: Any) -> None:
        conn.info[_WHAT] = tuple(sorted({_name(work.function) for work in batch}))
        run_batch(conn, batch)

    acs.store.sqlite.run_batch = named
    acs.store.postgresql.run_batch = named

    @event.listens_for(Engine, "before_cursor_execute")
    def executes(conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if _WRITES.match(statement):
            conn.info[_WROTE] = True

    @event.listens_for(Engine, "rollback")
    def undone(conn: Any) -> None:
        conn.info.pop(_WROTE, None)

    @event.listens_for(Engine, "commit")
    def commits(conn: Any) -> None:
        what = conn.info.pop(_WHAT, ("start",))
        now.what = what if conn.info.pop(_WROTE, False) else None
        if now.what:
            death.point("before", now.what)

    commit = DefaultDialect.do_commit

    def do_commit(dialect: Any, connection: Any) -> None:
        what, now.what = getattr(now, "what", None), None
        commit(dialect, connection)
        if what:
            death.point("after", what)

    DefaultDialect.do_commit = do_commit


def _name(function: Callable[..., Any]) -> str:
    function = getattr(function, "func", function)
    where = getattr(function, "__module__", "").removeprefix("acs.")
    return f"{where}.{getattr(function, '__name__', repr(function))}"


def _watch_answers(death: Death) -> None:
    """Have a point after every answer, once it has left the process."""
    from aiohttp.web_protocol import RequestHandler

    finish = RequestHandler.finish_response

    async def finish_response(handler: Any, request: Any, *rest: Any) -> Any:
        done = await finish(handler, request, *rest)
        for _ in range(3):  # uvloop sends at the end of a turn
            await asyncio.sleep(0)
        death.point("answered", (request.path.partition("/")[2].partition("/")[0] or "/",))
        return done

    RequestHandler.finish_response = finish_response


def _live(life: dict[str, Any]) -> None:
    """Be a node; never returns."""
    code = 1
    try:
        os.setsid()
        if sys.platform == "linux":  # nothing outlives a test that is broken off
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(life["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.update(life.get("environment", {}))
        for place, value in life.get("set", {}).items():
            module, _, name = place.partition(":")
            assert hasattr(importlib.import_module(module), name), place
            setattr(sys.modules[module], name, value)
        death = Death(Path(life["orders"]))
        _watch_commits(death)
        _watch_answers(death)
        sys.argv = ["acs", *life["argv"]]
        importlib.import_module("acs.cli").main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - it must not get back into the loop of its parent
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _warm_up(folder: Path) -> None:
    """Start and stop a node, so that none has to import or read again what it needed."""
    from acs.node import Node
    from acs.observability import configure_logging
    from acs.settings import load_settings

    configure_logging("info", "json")
    ports = {"port": 0, "management_port": 0, "northbound_port": 0}
    node = Node(load_settings(None, {"data": folder / "acs", "host": "127.0.0.1", **ports}, {}))
    await node.start()
    await node.stop()


def main() -> None:
    """Fork a node for each line."""
    for each in ("acs.cli", "acs.node", "acs.store.sqlite", "acs.store.postgresql", "uvloop", "asyncpg"):
        try:
            importlib.import_module(each)
        except ImportError:  # there is none of it here
            if each.startswith("acs"):
                raise
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_warm_up(Path(folder)))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave nothing behind
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(json.loads(line))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
