"""Fetching with the user name and password of a Download, for devices that can't take a long URL.

Both are derived, nothing is stored: the user name says device and expiry, the password is a MAC over it and
the file's name. HTTP Digest, and Basic over TLS.
"""

from __future__ import annotations

from acs.files import FileGrant, FileUrls, TransferRefused
from acs.security import digest

__all__ = ["Login"]


class Login:
    """Checks the Authorization of a request for ``/files/<name>``."""

    def __init__(self, urls: FileUrls, *, realm: str, nonce_key: bytes) -> None:
        self._urls, self._realm = urls, realm
        self._nonces = digest.Nonces(nonce_key)

    def grant(self, header: str, name: str, *, path: str, method: str, secure: bool, now: float) -> FileGrant:
        """Return what is granted. Raises ``TransferRefused``: 401 with challenges."""
        given = digest.parse(header) if header else None
        if given is None or (given.scheme == "basic" and not secure):
            raise self._challenge(now, secure)
        fields = given.fields or {}
        username = fields.get("username", "") if given.fields is not None else given.username
        found = self._urls.open_login(username[:64], name)
        if found is None:
            raise self._challenge(now, secure)
        grant, password = found
        if given.fields is None:
            right = digest.same_secret(given.password or "", password)
        else:
            verdict = self._nonces.check(fields.get("nonce", ""), now)
            right = verdict != "forged" and digest.verify_digest(
                fields, method=method, realm=self._realm, password=password, path=path
            )
            if right and verdict == "stale":
                raise self._challenge(now, secure, stale=True)
        if not right:
            raise self._challenge(now, secure)
        return grant

    def _challenge(self, now: float, secure: bool, *, stale: bool = False) -> TransferRefused:
        challenges = digest.challenge(self._realm, self._nonces.make(now), stale=stale)
        if secure:
            challenges.append(f'Basic realm="{self._realm}"')
        text = "this file needs the user name and the password of the Download"
        return TransferRefused(401, "no-credentials", text, challenges=challenges)
