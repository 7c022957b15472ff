"""Reading what connection-request listeners answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.southbound.connection_requests.http_answer import MAX_HEAD, AnswerError, parse_answer


@pytest.mark.parametrize(
    ("data", "status", "fields"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, (("content-length", "0"),)),
        (b"HTTP/1.1 200 OK\nA: 1\n\n", 200, (("a", "1"),)),
        (b"HTTP/1.1 200 OK\r\nA: 1\n\r\n", 200, (("a", "1"),)),
        (b"HTTP/1.0 204\r\n\r\n", 204, ()),
        (b"\r\nHTTP/1.1 401 \r\nA:b\r\n c\r\n\td\r\n\r\n", 401, (("a", "b c d"),)),
        (b"HTTP/1.1 401 Unauthorized\r\nno colon\r\n  : x\r\n\r\n", 401, None),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200, ()),
        (b"HTTP/1.1 200 \xff\r\nA: \xe9\r\n\r\n", 200, (("a", "\udce9"),)),
    ],
)
def test_odd_answers_are_read(data, status, fields):
    answer = parse_answer(data)
    assert answer.status == status
    assert fields is None or answer.fields == fields


def test_an_answer_that_ends_with_the_connection_is_complete():
    assert parse_answer(b"HTTP/1.0 200 OK\r\nServer: x") is None
    assert parse_answer(b"HTTP/1.0 200 OK\r\nServer: x", ended=True).status == 200
    with pytest.raises(AnswerError):
        parse_answer(b"HTTP/1.1 100 Continue\r\n\r\n", ended=True)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"<html>",
        b"HTTP/1.1 2000 x\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * MAX_HEAD,
    ],
)
def test_what_is_no_answer_is_told_at_once(data):
    with pytest.raises(AnswerError):
        parse_answer(data)


@pytest.mark.parametrize(
    ("head", "rest", "left"),
    [
        (b"HTTP/1.1 401 x\r\nContent-Length: 10\r\n\r\n", b"abc", 7),
        (b"HTTP/1.1 401 x\r\nContent-Length: 3\r\n\r\n", b"abc", 0),
        (b"HTTP/1.1 401 x\r\nContent-Length: 2\r\n\r\n", b"abc", None),
        (b"HTTP/1.1 401 x\r\nContent-Length: 10\r\nConnection: Close\r\n\r\n", b"", None),
        (b"HTTP/1.1 401 x\r\nTransfer-Encoding: chunked\r\n\r\n", b"", None),
        (b"HTTP/1.1 401 x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"", None),
        (b"HTTP/1.1 401 x\r\nContent-Length: 99999999999\r\n\r\n", b"", None),
        (b"HTTP/1.1 401 x\r\n\r\n", b"", None),
        (b"HTTP/1.1 204 x\r\n\r\n", b"", 0),
    ],
)
def test_when_a_connection_can_be_used_again(head, rest, left):
    assert parse_answer(head + rest).left == left


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("1e9", 0), ("-5", 0), ("9" * 30, 3600), ("soon", 0)]
)
def test_retry_after_is_a_number_with_a_bound(text, seconds):
    data = f"HTTP/1.1 503 x\r\nRetry-After: {text}\r\n\r\n".encode()
    assert parse_answer(data).retry_after == seconds


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_is_an_answer_not_yet_one_or_none(data, ended):
    try:
        answer = parse_answer(b"HTTP/1.1 " + data, ended=ended)
    except AnswerError:
        return
    assert answer is None or (100 <= answer.status <= 999 and (answer.left or 0) >= 0)


@given(st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"), st.data())
def test_where_the_answer_is_cut_does_not_matter(data, draw):
    whole = parse_answer(data)
    cut = draw.draw(st.integers(0, len(data)))
    first = parse_answer(data[:cut])
    if first is not None:  # an empty line was in the part
        assert (first.status, first.fields) == (whole.status, whole.fields)
