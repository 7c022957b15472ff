"""Cuts the paths of a fleet's HeNBs while it runs: REST on a Unix socket that only its owner may open.

``GET /paths`` tells what is cut, ``PUT /paths/SERIAL/PATH`` cuts (SERIAL ``*``: all). The body is a word such
as ``"drop"``, or an object as in scenarios (``lines.parse_cut``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from aiohttp import web

from acs.errors import AcsError
from acs.simulator.lines import WHOLE, Cut, check_name, parse_cut
from acs.simulator.network import Network

__all__ = ["Control", "cut_paths", "parse_timed_cut"]

_LONGEST = 4096
_FORM = "SECONDS:PATH:CUT, for example 10:standard:drop"


def parse_timed_cut(text: str) -> tuple[float, str, Cut]:
    """Read ``SECONDS:PATH:CUT``. Raises ``AcsError``."""
    at, _, rest = text.partition(":")
    name, _, word = rest.partition(":")
    try:
        seconds = float(at)
    except ValueError:
        raise AcsError(f"--cut {text!r}: it is {_FORM}") from None
    if not 0 <= seconds < 1e7 or not word:
        raise AcsError(f"--cut {text!r}: it is {_FORM}")
    cut = parse_cut(word, f"--cut {text!r}: ")
    check_name(name, f"--cut {text!r}: ")
    return seconds, name, cut


def cut_paths(networks: Mapping[str, Network], serial: str, name: str, cut: Cut) -> None:
    """Cut a path of one HeNB, or with ``*`` of all. Raises ``AcsError`` for one that is unknown."""
    if serial != "*" and serial not in networks:
        raise AcsError(f"there is no HeNB {serial!r} whose paths are separate")
    for each in networks.values() if serial == "*" else (networks[serial],):
        each.cut(name, cut)


class Control:
    """The REST at ``path``, of a fleet's ``networks`` by serial number."""

    def __init__(self, networks: Mapping[str, Network], path: Path) -> None:
        self._networks, self._path = networks, path
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises ``AcsError`` where that is impossible."""
        app = web.Application(client_max_size=_LONGEST)
        app.router.add_get("/paths", self._show)
        app.router.add_put("/paths/{serial}/{name}", self._cut)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(self._path)).start()
        except OSError as error:
            raise AcsError(f"can't listen at {self._path}: {error}") from error
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _show(self, _: web.Request) -> web.Response:
        cuts = {serial: each.lines.cuts for serial, each in self._networks.items()}
        return web.Response(body=msgspec.json.encode(cuts), content_type="application/json")

    async def _cut(self, request: web.Request) -> web.Response:
        try:
            cut = parse_cut(msgspec.json.decode(await request.read()))
            cut_paths(self._networks, request.match_info["serial"], request.match_info["name"], cut)
        except (AcsError, msgspec.DecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"cut": cut != WHOLE})
