"""A black list and a white list, as a SeGW or a HeNB-GW keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Lists"]


@dataclass(slots=True)
class Lists:
    """By identity in lower case. ``allowed`` None: everybody who proves an identity is let in.

    ``disallowed`` are those that were deleted from the white list while it lets everybody in.
    """

    blocked: dict[str, str] = field(default_factory=dict)
    allowed: set[str] | None = None
    disallowed: dict[str, str] = field(default_factory=dict)

    def refuse(self, identity: str) -> str:
        """Return why somebody is not let in, empty where they are."""
        identity = identity.lower()
        if identity in self.blocked:
            return f"on the black list: {self.blocked[identity]}"
        if identity in self.disallowed or (self.allowed is not None and identity not in self.allowed):
            return "not on the white list"
        return ""

    def block(self, identity: str, reason: str) -> None:
        """Put somebody on the black list."""
        self.blocked[identity.lower()] = reason

    def unblock(self, identity: str) -> None:
        """Take somebody off the black list."""
        self.blocked.pop(identity.lower(), None)

    def disallow(self, identity: str, reason: str) -> None:
        """Delete somebody from the white list."""
        if self.allowed is not None:
            self.allowed.discard(identity.lower())
        self.disallowed[identity.lower()] = reason

    def allow(self, identity: str) -> None:
        """Put somebody on the white list."""
        if self.allowed is not None:
            self.allowed.add(identity.lower())
        self.disallowed.pop(identity.lower(), None)
