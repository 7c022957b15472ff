"""Which parameters hold secrets: by what data models say of them, and by what they are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from acs.datamodel.about import about
from acs.datamodel.model import Model, load_model
from acs.datamodel.spec import ParameterSpec

__all__ = ["MASK", "hidden_in", "is_hidden", "shown_value", "sounds_secret", "veiled"]

MASK = "[redacted]"
"""What is shown instead of a secret."""
_WORDS = re.compile(
    r"passw|passphrase|passcode|secret|presharedkey|psk|private_?key|wepkey|keymaterial|credential|token|voucher",
    re.IGNORECASE,
)
# Keys of all kinds, but for those of TR-069 that are names, and public ones. Case tells short words.
_AT_END = re.compile(
    r"(?i:password|passphrase|passcode|pwd|secret|psk|token|voucher|community)\d*\Z"
    r"|(?<!Parameter)(?<!Command)(?<!Public)(?:[Kk]ey|KEY)(?:Material)?\d*\Z"
    r"|(?:\A|[a-z_])(?:PIN|Pin|PUK|Puk|Ki|OPc?|Opc)\d*\Z"
)
_OPEN_TYPES = frozenset({"boolean", "dateTime", "int", "unsignedInt", "long", "unsignedLong"})
_OPEN_VALUES = frozenset({"", "0", "1", "true", "false"})


def _last_word(path: str) -> str:
    return path.rstrip(".").rpartition(".")[2]


def sounds_secret(path: str) -> bool:
    """Tell whether the last word of a path is one that secrets are called by."""
    word = _last_word(path)
    return _WORDS.search(word) is not None or _AT_END.search(word) is not None


def shown_value(path: str, value: str, kind: str = "") -> str:
    """Return a value that a device told as it may be shown: not where it is a secret.

    A device should never tell one (TR-069 A.2.2), and many do. What only speaks of a secret (``PasswordSet``,
    a number of accounts, a date) is shown; ``kind`` is the XML Schema type, empty where it is not known.
    """
    if value in _OPEN_VALUES or not sounds_secret(path):
        return value
    told = kind.rpartition(":")[2] in _OPEN_TYPES and _AT_END.search(_last_word(path)) is None
    return value if told else MASK


def veiled(data: Any) -> Any:
    """Return JSON-able data without the values of secrets, wherever a value stands beside a name."""
    if isinstance(data, list):
        return [veiled(each) for each in data]
    if not isinstance(data, dict):
        return data
    name, value = data.get("name"), data.get("value")
    if isinstance(name, str) and isinstance(value, str):
        return {**data, "value": shown_value(name, value, str(data.get("type", "")))}
    return {key: veiled(each) for key, each in data.items()}


def is_hidden(spec: ParameterSpec) -> bool:
    """Tell whether the model calls a parameter hidden or secured (TR-106): what is set does not read back."""
    known = about(spec)
    return known.hidden or known.secured


def hidden_in(model: Model | None) -> Callable[[str], bool]:
    """Return what tells of a path whether ``model``, or a packaged one, calls it hidden or secured.

    A device never tells the value of a hidden parameter, and a secured one only over TLS (TR-106).
    """
    models = [each for each in (model, load_model("femto"), load_model("henb-igd")) if each is not None]

    def hidden(path: str) -> bool:
        specs = [spec for each in models if (spec := each.spec(path)) is not None]
        return any(is_hidden(each) for each in specs)

    return hidden
