"""1c.listeners: the odd answers of real connection-request listeners."""

from __future__ import annotations

import pytest

from acs.southbound.connection_requests import Reason
from tests.southbound.test_http_way import CHALLENGE, OK, Listener, call, guard, listen

__all__ = ["guard", "listen"]

FOLDED = b'HTTP/1.1 401 x\r\nWWW-Authenticate: Digest\r\n realm="henb",\r\n\tnonce="n"\r\n\r\n'


@pytest.mark.row("1c.listeners")
@pytest.mark.parametrize(
    "challenge",
    [
        (CHALLENGE + b"\r\n").replace(b"\r\n", b"\n"),
        FOLDED,
        FOLDED.replace(b"\r\n", b"\n"),
        CHALLENGE + b"\r\n",
        b"HTTP/1.0 401\r\nwww-authenticate:Digest realm=henb,nonce=n\r\n\r\n",
    ],
    ids=["LF only", "folded", "folded, LF only", "no length", "no blanks, no quotes"],
)
@pytest.mark.parametrize(
    "end", [OK, b"HTTP/1.1 204\n\n", b"HTTP/1.0 200 OK\r\n\r\n"], ids=["200", "LF", "1.0"]
)
async def test_a_listener_is_understood_however_it_answers(listen, guard, challenge, end):
    listener = Listener(challenge, end)
    outcome = await call(guard, await listen(listener))
    assert outcome.reason is Reason.ACCEPTED
    assert [b"Authorization: Digest" in each for each in listener.requests] == [False, True]
