"""Which parameters hold secrets: by what data models say of them, and by what they are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from acs.datamodel.about import about
from acs.datamodel.model import Model, load_model

__all__ = ["hidden_in", "sounds_secret"]

_WORDS = re.compile(
    r"passw|passphrase|secret|presharedkey|psk|privatekey|wepkey|keymaterial|credential|token|voucher",
    re.IGNORECASE,
)


def sounds_secret(path: str) -> bool:
    """Tell whether the last word of a path is one that secrets are called by."""
    return _WORDS.search(path.rstrip(".").rpartition(".")[2]) is not None


def hidden_in(model: Model | None) -> Callable[[str], bool]:
    """Return what tells of a path whether ``model``, or a packaged one, calls it hidden or secured.

    A device never tells the value of a hidden parameter, and a secured one only over TLS (TR-106).
    """
    models = [each for each in (model, load_model("femto"), load_model("henb-igd")) if each is not None]

    def hidden(path: str) -> bool:
        specs = [spec for each in models if (spec := each.spec(path)) is not None]
        return any(known.hidden or known.secured for known in map(about, specs))

    return hidden
