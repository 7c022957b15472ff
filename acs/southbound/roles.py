"""What this HeMS is to a HeNB that comes: initial, serving, or emergency management system (S1 L82)."""

from __future__ import annotations

from collections.abc import Collection

from acs.distress import DISTRESS, EMERGENCY, INITIAL, Channel
from acs.southbound.authentication import Proof, Refused

__all__ = ["channel_for"]


def channel_for(proof: Proof, over: Channel, roles: Collection[str]) -> Channel:
    """Return the channel of the session that an Inform opens; ``over``: the listener that it came over.

    Raises ``Refused`` where this HeMS has no role for it: fail-safe credentials are good for the emergency
    management system alone, and a HeNB with its own has no business with one that is nothing else.
    """
    here = ", ".join(sorted(roles))
    if proof.fail_safe:
        if "emergency" not in roles or over == DISTRESS:
            text = (
                "these are the credentials of a fail-safe image, good for the emergency management system"
                f" alone; the role of this HeMS is {here}"
            )
            raise Refused(403, "fail-safe-credentials", text)
        return EMERGENCY
    if over == DISTRESS or "serving" in roles:
        return over
    if "initial" in roles:
        return INITIAL
    text = f"the role of this HeMS is {here}; a HeNB is managed by its serving HeMS"
    raise Refused(403, "no-serving-role", text)
