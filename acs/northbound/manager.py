"""One manager that is told: how a notification is sent to it, and what its answer means."""

from __future__ import annotations

import asyncio
import ssl
import tempfile

import aiohttp
from aiohttp.abc import AbstractResolver

from acs.northbound.signature import sign
from acs.subscriptions import Failure

__all__ = ["ManagerClient", "verdict"]

TIMEOUT = 10.0
_CONNECTIONS = 16
_LONGEST_ANSWER = 500
_REFUSALS = frozenset({400, 406, 409, 411, 413, 414, 415, 422, 431})


def verdict(status: int, retry_after: str = "", told: str = "") -> Failure | None:
    """Return what an answer means; None: it was delivered."""
    if 200 <= status < 300:
        return None
    why = f"the manager answered {status}" + (f": {told}" if told else "")
    if 300 <= status < 400:
        return Failure("down", f"{why}; redirections are not followed")
    if status in _REFUSALS:
        return Failure("refused", why)
    if status in (500, 501):
        return Failure("failed", why)
    wait = (
        float(retry_after)
        if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 6
        else 0
    )
    return Failure("down", why, wait)


class ManagerClient:
    """Sends to one URL and nowhere else: no redirections, no cookies, no proxies of the environment.

    ``client``: our key and certificate, PEM; ``resolver`` decides where names lead: the
    system's by default, whatever libraries for names are installed.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        bearer: str,
        ca: str,
        *,
        client: bytes = b"",
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._url, self._secret, self._bearer = url, secret, bearer
        context = ssl.create_default_context(cadata=ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if client:
            with tempfile.NamedTemporaryFile(mode="wb", suffix=".pem") as file:  # readable by us alone
                file.write(client)
                file.flush()
                context.load_cert_chain(file.name)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context, limit=_CONNECTIONS, resolver=resolver or aiohttp.ThreadedResolver()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            auto_decompress=False,
        )

    async def send(self, message_id: str, body: bytes, *, now: float) -> Failure | None:
        """POST a notification; return why it was not delivered, None where it was.

        ``message_id`` is the same in every attempt.
        """
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "femto-acs",
            "Idempotency-Key": message_id,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": sign(self._secret, message_id, int(now), body),
        }
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._bearer}"
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status < 300:
                    await self._drain(answer)
                    return verdict(answer.status)
                told = (await answer.content.read(_LONGEST_ANSWER)).decode("utf-8", "replace").strip()
                printable = "".join(c if c.isprintable() else " " for c in told)
                return verdict(answer.status, answer.headers.get("Retry-After", ""), printable)
        except TimeoutError:
            return Failure("down", f"no answer within {TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            return Failure("down", f"{type(error).__name__}: {error}")

    @staticmethod
    async def _drain(answer: aiohttp.ClientResponse) -> None:
        """Read what little there is, so that the connection is used again; a long answer ends it."""
        await answer.content.read(_LONGEST_ANSWER)
        if not answer.content.at_eof():
            answer.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
