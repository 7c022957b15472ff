"""What a device really has, asked for in pieces: which piece comes next, and what an answer means. Pure.

The root is asked for its next level, each object below it for everything in it. A piece that the device can't
answer is asked for in smaller ones; a root that it does not answer at all is guessed from the data model.
Devices list the object itself, leave parents out, answer unsorted, or tell what was not asked for: what came
is kept, what did not is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from acs.cwmp import messages as m
from acs.datamodel import Profile

__all__ = ["MOST_ENTRIES", "Piece", "Survey", "begin", "request"]

MOST_ENTRIES = 20_000  # of one device
_MOST_PENDING = 2000
_MOST_REQUESTS = 3000
_MOST_FAILED = 200
_NAME = re.compile(r"[^\x00-\x20\x7f]{1,256}\Z")
_INVALID_NAME = 9005


@dataclass(frozen=True, slots=True)
class Piece:
    """A path to ask for, and whether for all that is in it (``deep``) or for its next level."""

    path: str
    deep: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """How far a discovery has come. ``failed``: paths that could not be read, and why."""

    root: str
    pending: tuple[Piece, ...]
    failed: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    @property
    def next(self) -> Piece | None:
        """The piece to ask for now; None when the discovery is over."""
        return self.pending[0] if self.pending else None

    def answered(self, names: Iterable[m.ParameterInfo], profile: Profile) -> tuple[Survey, dict[str, bool]]:
        """Take the answer for the next piece; return what is left to do, and path to writable."""
        piece = self.pending[0]
        found: dict[str, bool] = {}
        strays = 0
        for each in names:
            name = each.name
            if not _NAME.match(name) or not name.startswith(piece.path) or ".." in name:
                strays += 1
            elif name != piece.path and (name in found or len(found) < MOST_ENTRIES):
                found[name] = found.get(name, False) or each.writable
        parents = _parents(found, piece.path, MOST_ENTRIES)
        entries = {**found, **dict.fromkeys(sorted(parents - found.keys()), False)}
        entries = dict(list(entries.items())[:MOST_ENTRIES])
        failed = dict(self.failed)
        if not entries:
            failed[piece.path] = "the device told nothing of it"
        elif strays:
            failed[piece.path] = f"{strays} names in the answer are none below it"
        below = () if piece.deep else tuple(_below(entries, piece, profile))
        return self._went_on(below, failed), entries

    def refused(self, code: int | None, text: str, top: Iterable[str], profile: Profile) -> Survey:
        """Take a fault for the next piece; ``top`` are the objects below the root, as the model has them."""
        piece = self.pending[0]
        if piece.path in ("", self.root):
            guessed = tuple(Piece(path, profile.next_level != "true") for path in top)
            if guessed and code in (_INVALID_NAME, None, *range(9000, 9006)):
                return self._went_on(guessed, self.failed)
        elif piece.deep and profile.next_level == "both" and code != _INVALID_NAME:
            return self._went_on((Piece(piece.path, deep=False),), self.failed)
        why = f"fault {code}: {text[:80]}" if code else text[:80] or "the device did not answer"
        return self._went_on((), {**self.failed, piece.path: why})

    def _went_on(self, more: tuple[Piece, ...], failed: dict[str, str]) -> Survey:
        pending = self.pending[1:] + more
        if len(pending) > _MOST_PENDING or self.asked >= _MOST_REQUESTS:
            failed = {**failed, **{each.path: "too much to ask for" for each in pending[_MOST_PENDING:]}}
            pending = pending[:_MOST_PENDING] if self.asked < _MOST_REQUESTS else ()
        failed = dict(list(failed.items())[:_MOST_FAILED])
        return replace(self, pending=pending, failed=failed, asked=self.asked + 1)


def begin(root: str, profile: Profile, path: str = "") -> Survey:
    """Begin with the root, or with one object."""
    if path:
        return Survey(root, (Piece(path, profile.next_level != "true"),))
    start = "" if profile.names_of_root else root
    return Survey(root, (Piece(start, profile.next_level == "false"),))


def request(piece: Piece) -> m.GetParameterNames:
    """Return the request for a piece."""
    return m.GetParameterNames(piece.path, next_level=not piece.deep)


def _below(entries: dict[str, bool], piece: Piece, profile: Profile) -> Iterable[Piece]:
    """Yield what is to be asked after a next level: each object, as a whole where the device can do that."""
    deep, level = profile.next_level != "true", piece.path.count(".") + 1
    if any(name.rstrip(".").count(".") >= level for name in entries):
        return  # NextLevel was ignored: all that is below is here already
    for name in entries:
        if name.endswith("."):
            yield Piece(name, deep and bool(piece.path))


def _parents(names: Iterable[str], base: str, most: int) -> set[str]:
    """Return the objects between ``base`` and the names, ``most`` of them at most.

    Each is visited once: a device can tell names that are far deeper than any data model.
    """
    found: set[str] = set()
    for name in names:
        at = name.rfind(".", len(base), len(name.rstrip(".")))
        while at >= 0 and (parent := name[: at + 1]) not in found:
            if len(found) >= most:
                return found
            found.add(parent)
            at = name.rfind(".", len(base), at)
    return found
