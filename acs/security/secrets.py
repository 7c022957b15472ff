"""The node's own keys: made at the first start, kept outside the database, never shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from itertools import pairwise
from pathlib import Path

from acs.errors import AcsError

__all__ = ["Secrets", "check_secret", "new_password", "private_directory", "write_private"]

_FILE = "master.key"


def private_directory(path: Path) -> Path:
    """Create ``path`` if need be, for its owner alone (0700)."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone (0600), whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def new_password(length: int = 24) -> str:
    """Return a random password of letters, digits, ``-`` and ``_``."""
    return base64.urlsafe_b64encode(os.urandom(length)).decode("ascii")[:length]


_SHORTEST = 12
# What is tried first everywhere, and what examples of other products use.
_KNOWN = frozenset(
    [
        "acs",
        "admin",
        "administrator",
        "bench",
        "changeme",
        "cpe",
        "cwmp",
        "default",
        "femto",
        "guest",
        "letmein",
        "passw0rd",
        "password",
        "postgres",
        "public",
        "qwerty",
        "root",
        "secret",
        "test",
        "tr069",
        "user",
    ]
)


def _common(text: str) -> bool:
    """Tell whether a secret is a known word, perhaps repeated or with digits and signs around it."""
    plain = "".join(c for c in text.lower() if c.isalnum())
    letters = plain.strip("0123456789")
    return not letters or letters in _KNOWN or plain in _KNOWN or _repeats(plain)


def _repeats(text: str) -> bool:
    return any(text == text[:n] * (len(text) // n) for n in range(1, len(text) // 2 + 1))


def check_secret(
    secret: str, what: str, *, shortest: int = _SHORTEST, forbidden: tuple[str, ...] = ()
) -> None:
    """Raise ``AcsError`` when a secret is empty, short, a default that is known, or one of ``forbidden``."""
    if not secret:
        raise AcsError(f"{what} is empty; leave it out to have one made")
    if len(secret) < shortest:
        raise AcsError(f"{what} has {len(secret)} characters; at least {shortest} are needed")
    told = {each.lower() for each in forbidden if each}
    if _common(secret) or secret.lower() in told or len(set(secret)) < min(6, shortest):
        raise AcsError(f"{what} is one that anybody guesses; leave it out to have one made")


class Secrets:
    """Keys for separate purposes, all derived from one master key of 256 bits."""

    def __init__(self, master: bytes) -> None:
        steps = {(b - a) % 256 for a, b in pairwise(master)}
        if len(master) != 32 or len(set(master)) < 8 or len(steps) < 8 or master.isalnum():
            raise AcsError(
                "the master key is empty or too simple; remove master.key from the data directory to have a"
                " new one made (secrets sealed under the old one are then lost)"
            )
        self._master = master
        self.store_key = self._derive("store")
        self.check = self._derive("check")
        """Tells this master key from another, and nothing else."""
        self.cookie_key = self._derive("cookie")
        self.nonce_key = self._derive("nonce")
        self.file_url_key = self._derive("file-url")
        self._connection_request_key = self._derive("connection-request")
        self._bulk_data_key = self._derive("bulk-data")
        self._stun_key = self._derive("stun")
        self._distress_key = self._derive("distress")

    def __repr__(self) -> str:
        return "Secrets(…)"

    def _derive(self, purpose: str) -> bytes:
        return hmac.new(self._master, f"femto-acs/{purpose}".encode(), hashlib.sha256).digest()

    def connection_request_password(self, device_key: str) -> str:
        """Return the password that a device is given to let this ACS call it (TR-069 3.2.2)."""
        return self._password(self._connection_request_key, device_key)

    def bulk_data_password(self, device_key: str) -> str:
        """Return the password with which a device delivers its bulk data; its user name is the key."""
        return self._password(self._bulk_data_key, device_key)

    def stun_password(self, device_key: str) -> str:
        """Return the STUNPassword of a device whose STUNUsername is its key (TR-069 G.2.1)."""
        return self._password(self._stun_key, device_key)

    def distress_key(self, device_key: str) -> str:
        """Return the key with which the triggers of a device's distress channels are signed (S1 L54)."""
        return self._password(self._distress_key, device_key)

    @staticmethod
    def _password(key: bytes, device_key: str) -> str:
        digest = hmac.digest(key, device_key.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).decode("ascii")[:32]

    @classmethod
    def load_or_create(cls, data_dir: Path) -> Secrets:
        """Load the master key of ``data_dir``, making one at the first start.

        Raises ``AcsError`` when the file is unreadable, readable for others, or empty.
        """
        path = private_directory(data_dir) / _FILE
        if not path.exists():
            write_private(path, base64.b64encode(os.urandom(32)) + b"\n")
        return cls.load(data_dir)

    @classmethod
    def load(cls, data_dir: Path) -> Secrets:
        """Load the master key of ``data_dir``. Raises ``AcsError`` also where there is none."""
        path = data_dir / _FILE
        if not path.exists():
            raise AcsError(
                f"there is no {path}; name with --data the data directory of a node of this database"
            )
        if path.stat().st_mode & 0o077:
            raise AcsError(f"{path} can be read by others; run: chmod 600 {path}")
        try:
            master = base64.b64decode(path.read_bytes(), validate=False)
        except (OSError, ValueError) as error:
            raise AcsError(f"can't read the master key {path}: {error}") from error
        return cls(master)
