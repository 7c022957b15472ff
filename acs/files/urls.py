"""URLs that expire and fit one device: for fetching a file, and for sending one.

A URL carries a sealed grant. Nothing has to be stored to make one, any node can read it, and nobody can
guess, alter or prolong it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

import msgspec

from acs.errors import AcsError
from acs.security import Sealer, SealError

__all__ = ["LONGEST_URL", "FileGrant", "FileUrls", "UploadGrant"]

LONGEST_URL = 256
"""Characters of the URL of a Download or an Upload (TR-069 A.3.2.8, A.4.1.5)."""
_FETCH, _SEND = b"file-url", b"upload-url"
_USERNAME = re.compile(r"([0-9]{1,18})-([0-9]{1,12})(-emergency)?", re.ASCII)
G = TypeVar("G", "FileGrant", "UploadGrant")


class FileGrant(msgspec.Struct, frozen=True, array_like=True):
    """The device may fetch the file ``name`` until ``expires_at``; ``emergency``: whatever the floor."""

    device_id: int
    name: str
    expires_at: float
    emergency: bool = False


class UploadGrant(msgspec.Struct, frozen=True, array_like=True):
    """The device may send one file of ``kind`` until ``expires_at``; ``standing``: any number of them.

    ``key`` tells one URL from every other; it is not part of what is sealed.
    """

    device_id: int
    kind: str
    command_key: str
    expires_at: float
    standing: bool = False
    key: str = ""


class FileUrls:
    """Makes and reads URLs for devices; ``lifetime`` in seconds."""

    def __init__(self, key: bytes, base_url: Callable[[], str], *, lifetime: float) -> None:
        self._sealer, self._base_url, self._lifetime = Sealer(key), base_url, lifetime
        self._login_key = hmac.digest(key, b"file-login", "sha256")

    def url(
        self,
        device_id: int,
        name: str,
        now: float,
        *,
        emergency: bool = False,
        lifetime: float | None = None,
    ) -> str:
        """Return a URL from which this device alone may fetch ``name``.

        Raises ``AcsError`` where it would be longer than a Download may carry.
        """
        expires_at = now + (self._lifetime if lifetime is None else lifetime)
        token = self._seal(FileGrant(device_id, name, expires_at, emergency), _FETCH)
        url = self._absolute(f"files/{token}/{quote(name, safe='')}")
        return _short(url, "download", "the file's name (acs files add --name)")

    def open(self, token: str) -> FileGrant | None:
        """Return what a token grants; None when it was not made here for fetching."""
        opened = self._open(token, _FETCH, FileGrant)
        return opened[0] if opened else None

    def login(
        self, device_id: int, name: str, now: float, *, emergency: bool = False, lifetime: float | None = None
    ) -> tuple[str, str, str]:
        """Return a short URL, a user name and a password with which this device may fetch ``name``."""
        expires_at = int(now + (self._lifetime if lifetime is None else lifetime))
        username = f"{device_id}-{expires_at}{'-emergency' if emergency else ''}"
        return self._absolute(f"files/{quote(name, safe='')}"), username, self._password(username, name)

    def open_login(self, username: str, name: str) -> tuple[FileGrant, str] | None:
        """Return what a user name would grant, and the password that has to come with it."""
        found = _USERNAME.fullmatch(username)
        if found is None:
            return None
        grant = FileGrant(int(found[1]), name, float(found[2]), bool(found[3]))
        return grant, self._password(username, name)

    def _password(self, username: str, name: str) -> str:
        mac = hmac.digest(self._login_key, f"{username}\n{name}".encode(), "sha256")
        return base64.urlsafe_b64encode(mac[:24]).decode("ascii")

    def upload_url(
        self,
        device_id: int,
        kind: str,
        command_key: str,
        now: float,
        *,
        standing: bool = False,
        lifetime: float | None = None,
    ) -> str:
        """Return a URL to which this device alone may send one file of ``kind`` (a TR-069 FileType).

        ``standing``: any number of files, until ``lifetime`` seconds have gone, for what a device sends by
        itself at an interval. Raises ``AcsError`` where it would be longer than an Upload may carry.
        """
        expires_at = now + (self._lifetime if lifetime is None else lifetime)
        token = self._seal(UploadGrant(device_id, kind, command_key, expires_at, standing), _SEND)
        return _short(self._absolute(f"uploads/{token}"), "upload", "the file type, the CommandKey")

    def open_upload(self, token: str) -> UploadGrant | None:
        """Return what a token grants; None when it was not made here for sending."""
        opened = self._open(token, _SEND, UploadGrant)
        if opened is None:
            return None
        grant, sealed = opened
        # Of the bytes, as one seal may be written as several texts of base64.
        return msgspec.structs.replace(grant, key=hashlib.sha256(sealed).hexdigest()[:32])

    def _absolute(self, path: str) -> str:
        return f"{self._base_url().rstrip('/')}/{path}"

    def _seal(self, grant: FileGrant | UploadGrant, context: bytes) -> str:
        sealed = self._sealer.seal(msgspec.msgpack.encode(grant), context)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def _open(self, token: str, context: bytes, kind: type[G]) -> tuple[G, bytes] | None:
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return msgspec.msgpack.decode(self._sealer.open(sealed, context), type=kind), sealed
        except (SealError, binascii.Error, ValueError, msgspec.DecodeError):
            return None


def _short(url: str, what: str, cause: str) -> str:
    if len(url) > LONGEST_URL:
        raise AcsError(
            f"the {what} URL has {len(url)} characters, {LONGEST_URL} are allowed; shorten {cause} or the"
            " setting url"
        )
    return url
