"""The network paths of a simulated HeNB, each of which can be cut by itself: what is wrong with one. Pure.

A path is named for what goes over it: ``standard`` (IPsec, sessions of the standard management connection),
``IPsec2``, ``Internet`` and ``AirInterface`` (distress channels, sessions and triggers), ``call`` (connection
requests), ``files`` (downloads and uploads), and ``trigger`` or ``trigger IPsec2`` for triggers alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from acs.distress import KINDS
from acs.errors import AcsError

__all__ = ["NAMES", "WHOLE", "Cut", "Lines", "Way", "check_name", "parse_cut"]

NAMES = ("standard", "call", "files", "emergency", *KINDS, "trigger", *(f"trigger {kind}" for kind in KINDS))


class Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with one direction of a path.

    ``drop``: nothing passes, and whoever waits goes on waiting. ``reset``: connections are reset. Both begin
    when a connection has carried ``after`` bytes this way. ``delay`` in seconds, ``rate`` in bytes a second
    (0: unlimited), ``loss`` the share of datagrams that get lost, 0 to 1.
    """

    drop: bool = False
    reset: bool = False
    after: int = 0
    delay: float = 0.0
    rate: float = 0.0
    loss: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no network does."""
        if self.after < 0 or self.rate < 0 or not 0 <= self.delay <= 3600 or not 0 <= self.loss <= 1:
            raise ValueError("after and rate are not negative, delay is 0 to 3600 s, loss 0 to 1")

    def stops(self, passed: int) -> bool:
        """Tell whether it lets nothing through after so many bytes."""
        return self.drop and passed >= self.after

    def resets(self, passed: int) -> bool:
        """Tell whether a connection is reset after so many bytes."""
        return self.reset and passed >= self.after

    def allowance(self, passed: int, most: int) -> int:
        """Return how many bytes may pass before something else happens, at most ``most``."""
        return min(most, self.after - passed) if (self.drop or self.reset) and passed < self.after else most


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with a path: ``up`` to the HeMS, ``down`` to the HeNB; ``refuse``: nobody listens."""

    up: Way = Way()
    down: Way = Way()
    refuse: bool = False


WHOLE = Cut()
_WORDS = {
    "whole": WHOLE,
    "drop": Cut(Way(drop=True), Way(drop=True)),
    "drop-up": Cut(up=Way(drop=True)),
    "answers-lost": Cut(down=Way(drop=True)),
    "refuse": Cut(refuse=True),
    "reset": Cut(Way(reset=True), Way(reset=True)),
}


def parse_cut(what: object, where: str = "") -> Cut:
    """Read a cut: one of a few words, or ``{up: {…}, down: {…}, refuse: …}``. Raises ``AcsError``."""
    if isinstance(what, str):
        if what not in _WORDS:
            raise AcsError(f"{where}the cut {what!r} is unknown; known are {', '.join(_WORDS)}")
        return _WORDS[what]
    try:
        return msgspec.convert(what, Cut)
    except (msgspec.ValidationError, ValueError) as error:
        raise AcsError(f"{where}a cut can't be read: {error}") from error


def check_name(name: str, where: str = "") -> None:
    """Raise ``AcsError`` for a path that there is not."""
    if name not in NAMES:
        raise AcsError(f"{where}the path {name!r} is unknown; known are {', '.join(NAMES)}")


def _both(one: Way, other: Way) -> Way:
    """Return one way behind the other."""
    rates = [each.rate for each in (one, other) if each.rate]
    cutting = [each.after for each in (one, other) if each.drop or each.reset]
    return Way(
        one.drop or other.drop,
        one.reset or other.reset,
        min(cutting, default=0),
        one.delay + other.delay,
        min(rates, default=0.0),
        1 - (1 - one.loss) * (1 - other.loss),
    )


@dataclass(slots=True)
class Lines:
    """The paths of one HeNB by name, and what is wrong with each now; relays ask, and are told of changes."""

    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - keeps no secret
    cuts: dict[str, Cut] = field(default_factory=dict)
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def cut(self, name: str, what: Cut) -> None:
        """Cut a path, or with ``WHOLE`` heal it. Raises ``AcsError`` for a name that is unknown."""
        check_name(name)
        self.cuts.pop(name, None)
        if what != WHOLE:
            self.cuts[name] = what
        for each in self.listeners:
            each()

    def state(self, names: Iterable[str]) -> Cut:
        """Return what is wrong with what goes over all of these paths, one behind the other."""
        found = [self.cuts[name] for name in names if name in self.cuts]
        if not found:
            return WHOLE
        total = found[0]
        for each in found[1:]:
            total = Cut(_both(total.up, each.up), _both(total.down, each.down), total.refuse or each.refuse)
        return total
