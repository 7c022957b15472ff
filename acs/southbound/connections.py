"""The table of connections: what each is doing, until when it may, and who has to go when there is no room.

No I/O and no clock of its own: ``now`` is an argument, and what has to be closed is returned to the caller.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

__all__ = ["GONE", "Bounds", "Connection", "Connections", "Holder", "Stage", "Trust"]


class Stage(IntEnum):
    """What a connection is doing. When somebody has to go, the earlier stages go first."""

    DELAYED = 0
    """Its device connects too often: nothing is read from it before its turn."""
    SILENT = 1
    """Accepted; not a byte has come."""
    HANDSHAKE = 2
    """TLS is being negotiated."""
    FRESH = 3
    """No request has begun yet."""
    HEAD = 4
    """A request line or header field has come, but not the last one."""
    BODY = 5
    """The body is not complete."""
    IDLE = 6
    """Between two messages."""
    WRITING = 7
    """The peer does not read what it is sent."""
    SERVING = 8
    """The ACS is at work; it has time-outs of its own."""
    CLOSING = 9
    """The ACS has closed it; the peer has not."""


class Trust(IntEnum):
    """Whose connection it is. When somebody has to go, strangers go first."""

    STRANGER = 0
    FAMILIAR = 1
    """Nothing is proved yet, but a device has proved itself from this address before."""
    DEVICE = 2
    """A device has proved on this connection who it is."""


class Holder(Protocol):
    """Whoever has the socket of a connection."""

    def end(self) -> None:
        """Cut the connection off at once."""

    def time_out(self, stage: Stage) -> None:
        """Close it, since ``stage`` took too long."""

    def written(self) -> int:
        """Return how many bytes the peer took since this was asked last."""


class _Gone:
    """The holder of a connection that was removed, so that neither of the two keeps the other in memory."""

    def end(self) -> None:
        """Do nothing: it has ended."""

    def time_out(self, stage: Stage) -> None:
        """Do nothing: it has ended."""

    def written(self) -> int:
        """Return 0."""
        return 0


GONE: Holder = _Gone()


@dataclass(eq=False, slots=True)
class Connection:
    """One connection. ``party`` is the ``address_key`` of the peer."""

    party: str
    holder: Holder
    unlimited: bool = False
    """Whether the limits by address do not concern it."""
    trust: Trust = Trust.STRANGER
    stage: Stage = Stage.SILENT
    since: float = 0.0
    device: str = ""
    moved: int = 0
    """Bytes that came since this stage began."""
    charged: float = 0.0
    """What its address was charged for it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be, and how many seconds each stage may last."""

    total: int
    strangers: int
    per_address: int
    per_device: int
    seconds: Mapping[Stage, float]
    handshakes: int = 256
    """In progress at the same time; a quarter of them from unknown addresses."""


class Connections:
    """All connections of a node. Every operation costs the same, however many there are."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._by_rank: dict[tuple[Trust, Stage], OrderedDict[Connection, None]] = {
            (trust, stage): OrderedDict() for trust in Trust for stage in Stage
        }
        self._unproved: dict[str, int] = {}
        self._of_device: dict[str, OrderedDict[Connection, None]] = {}
        self._handshakes: dict[bool, OrderedDict[Connection, None]] = {
            True: OrderedDict(),  # of strangers
            False: OrderedDict(),
        }
        self._count = 0
        self._strangers = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._by_rank[connection.trust, connection.stage]

    @property
    def strangers(self) -> int:
        """How many connections have proved nothing."""
        return self._strangers

    def full_for(self, party: str) -> bool:
        """Tell whether an address has as many connections that proved nothing as it may have."""
        return self._unproved.get(party, 0) >= self._bounds.per_address

    def add(self, connection: Connection, now: float) -> Connection | None:
        """Take a new connection in; return which must be ended to make room: perhaps itself."""
        self._count += 1
        self._strangers += 1
        if not connection.unlimited:
            self._unproved[connection.party] = self._unproved.get(connection.party, 0) + 1
        connection.since = now
        self._by_rank[connection.trust, connection.stage][connection] = None
        if self._strangers > self._bounds.strangers:
            return self._first_to_go(Trust.FAMILIAR, sparing=connection) or connection
        if self._count > self._bounds.total:
            return self._first_to_go(Trust.DEVICE, sparing=connection) or connection
        return None

    def _first_to_go(self, highest: Trust, *, sparing: Connection) -> Connection | None:
        for (trust, stage), those in self._by_rank.items():  # ordered by trust, then by stage
            if trust > highest or (trust is Trust.DEVICE and stage >= Stage.WRITING):
                continue
            for each in those:
                if each is not sparing:
                    return each
        return None

    def enter(self, connection: Connection, stage: Stage, now: float) -> None:
        """Note what a connection does from now on."""
        if self._by_rank[connection.trust, connection.stage].pop(connection, self) is self:
            return  # it has gone already
        self._note_handshake(connection, stage)
        connection.stage, connection.since, connection.moved = stage, now, 0
        self._by_rank[connection.trust, stage][connection] = None

    def _note_handshake(self, connection: Connection, stage: Stage | None) -> None:
        """Count the handshakes in progress; nobody at an unlimited address is among them."""
        for those in self._handshakes.values():
            those.pop(connection, None)
        if stage is Stage.HANDSHAKE and not connection.unlimited:
            self._handshakes[connection.trust is Trust.STRANGER][connection] = None

    def handshakes_full(self, *, strangers: bool) -> bool:
        """Tell whether as many handshakes are in progress as there may be, of strangers or of all others."""
        most = self._bounds.handshakes // 4 if strangers else self._bounds.handshakes
        return len(self._handshakes[strangers]) >= max(most, 1)

    def slowest_handshake(self, before: float, *, strangers: bool) -> Connection | None:
        """Return the oldest handshake of the address that has most of them, when it began ``before`` that.

        Who is quick, and alone at its address, is never the one that makes room for others.
        """
        those = self._handshakes[strangers]
        counts = Counter(each.party for each in those)
        slow = (each for each in those if each.since < before)
        return max(slow, key=lambda each: counts[each.party], default=None)

    def trust(self, connection: Connection, device: str) -> Connection | None:
        """Note that ``device`` proved itself; return which of its connections must be ended, if any."""
        if connection not in self._by_rank[connection.trust, connection.stage] or connection.device == device:
            return None
        self._forget_device(connection)
        if connection.trust is not Trust.DEVICE:
            self._proved(connection)
            del self._by_rank[connection.trust, connection.stage][connection]
            connection.trust = Trust.DEVICE
            self._note_handshake(connection, connection.stage)
            self._by_rank[connection.trust, connection.stage][connection] = None
        connection.device = device
        mine = self._of_device.setdefault(device, OrderedDict())
        mine[connection] = None
        return next(iter(mine)) if len(mine) > self._bounds.per_device else None

    def _proved(self, connection: Connection) -> None:
        """Count it no more among those that proved nothing."""
        self._strangers -= 1
        if not connection.unlimited:
            left = self._unproved[connection.party] - 1
            if left:
                self._unproved[connection.party] = left
            else:
                del self._unproved[connection.party]

    def _forget_device(self, connection: Connection) -> None:
        mine = self._of_device.get(connection.device)
        if mine is not None:
            mine.pop(connection, None)
            if not mine:
                del self._of_device[connection.device]

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed, and let go of its holder."""
        connection.holder = GONE
        if self._by_rank[connection.trust, connection.stage].pop(connection, self) is self:
            return
        if connection.stage is Stage.HANDSHAKE:
            self._note_handshake(connection, None)
        self._count -= 1
        self._forget_device(connection)
        if connection.trust is not Trust.DEVICE:
            self._proved(connection)

    def everything(self) -> list[Connection]:
        """Return all connections."""
        return [each for those in self._by_rank.values() for each in those]

    def overdue(self, now: float, limit: int = 256) -> list[Connection]:
        """Return up to ``limit`` connections whose time in their stage is over; they stay in the table.

        Whoever is given one enters it into a stage anew, or ends it.
        """
        found: list[Connection] = []
        for (_, stage), those in self._by_rank.items():
            seconds = self._bounds.seconds.get(stage)
            if seconds is None:
                continue
            for each in those:
                if now - each.since < seconds or len(found) >= limit:
                    break
                found.append(each)
        return found
