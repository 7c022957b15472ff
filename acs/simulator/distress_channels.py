"""The distress channels of a HeNB: which there are, which is next, what calls over them (S1 L53, L62)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acs.distress import Trigger, TriggerError, TriggerMemory, parse_trigger

if TYPE_CHECKING:
    from acs.distress.coap import Recipient

__all__ = ["Distress", "DistressPath"]


@dataclass(frozen=True, slots=True)
class DistressPath:
    """One predefined distress channel: its kind, and where the HeMS listens for it."""

    kind: str
    url: str = ""


@dataclass(slots=True)
class Distress:
    """What a HeNB has and knows of its distress channels; with no ``paths`` it has none (S1 L53).

    ``over`` is the path that the next session goes over, None: the standard one; ``good`` the one that
    carried the last, as long as the standard path does not work. The tries say how often something fails in
    a row before it counts as not working; ``fatal_tries``: before a HeNB with a fatal breach and with no
    other way to tell of it shuts down.
    """

    paths: tuple[DistressPath, ...] = ()
    key: str = ""
    connected: bool = True
    """Whether the connection to the HeNB-GW/MME is active."""
    alarm_tries: int = 3
    silence_tries: int = 5
    path_tries: int = 2
    download_tries: int = 3
    fatal_tries: int = 10
    over: int | None = None
    good: int | None = None
    called: bool = False
    again_at: float = 0.0
    downloads_failed: int = 0
    """In a row, while the standard path does not work."""
    reason: str = ""
    ended: str = ""
    refused: dict[str, int] = field(default_factory=dict)
    memory: TriggerMemory = field(default_factory=TriggerMemory)
    recipient: Recipient | None = None
    """What remembers the CoAP messages that it has taken."""
    _first: int = 0
    _tries: int = 0
    _tried: set[int] = field(default_factory=set)

    def start(self, reason: str) -> None:
        """Go over to the distress channels, because of ``reason``."""
        self.reason, self._tries, self._tried = reason, 0, set()
        self.over = self.good if self.good is not None else self._first

    def failed(self) -> bool:
        """Note that a session over a path failed; return whether there is still one to try."""
        assert self.over is not None
        self._tries += 1
        if self._tries < self.path_tries:
            return True
        self._tried.add(self.over)
        untried = [number for number in range(len(self.paths)) if number not in self._tried]
        self._tries, self.over = 0, untried[0] if untried else None
        return bool(untried)

    def worked(self, again_at: float) -> None:
        """Note that a session went well; the next one tries the standard path first (S1 L62).

        For what has to wait for the standard path that is tried again at ``again_at``.
        """
        self.good, self.over, self.called, self.again_at = self.over, None, False, again_at
        if self.good is None:
            self.reason = ""

    def take(self, data: bytes, kind: str, user: str, now: float) -> bool:
        """Tell whether to obey a datagram that came over the path of ``kind``."""
        try:
            trigger = parse_trigger(data, self.key)
        except TriggerError:
            return self._refuse("no genuine trigger")
        return not self._obey(trigger, kind, user, now)

    def take_coap(self, data: bytes, kind: str, user: str, now: float) -> tuple[bool, bytes]:
        """Tell whether to obey a CoAP message that came over the path of ``kind``, and its answer."""
        try:
            from acs.distress.coap import Recipient
        except ImportError:  # the extra coap is not installed
            return self._refuse("no genuine trigger"), b""
        if self.recipient is None:
            self.recipient = Recipient(self.key, user)
        heard = self.recipient.hear(data, lambda trigger: self._obey(trigger, kind, user, now))
        if not heard.genuine:
            again = heard.why in ("repeated", "sent again")
            self._refuse("repeated" if again else "no genuine trigger")
        return heard.trigger is not None, heard.answer

    def _obey(self, trigger: Trigger, kind: str, user: str, now: float) -> str:
        """Have a genuine trigger obeyed; return why it is not, if it is not."""
        why = "of another device" if trigger.un != user else self.memory.refuse(trigger, now)
        if why:
            self._refuse(why)
            return why
        self.call(kind)
        return ""

    def call(self, kind: str) -> None:
        """Note a call that proved itself; where the standard path fails, that of ``kind`` is the first."""
        self._first = next((n for n, path in enumerate(self.paths) if path.kind == kind), 0)
        self.called = True

    def _refuse(self, why: str) -> bool:
        self.refused[why] = self.refused.get(why, 0) + 1
        return False
