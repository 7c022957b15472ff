"""Errors as ``application/problem+json`` (RFC 9457) that name the field and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
from aiohttp import web

from acs.errors import AcsError

__all__ = ["Problem", "ProblemError", "conflict", "problem_response"]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong. ``field``: where in the request; ``remedy``: what to do about it."""

    title: str
    status: int
    detail: str
    field: str = ""
    remedy: str = ""


class ProblemError(Exception):
    """Ends a request with this answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str = "",
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.field, self.remedy = status, detail, field, remedy
        self.headers = dict(headers or {})


@contextmanager
def conflict(field: str, *, remedy: str = "") -> Iterator[None]:
    """Answer 409 where what is asked for can't be done as things are, in the sentence of the ``AcsError``."""
    try:
        yield
    except AcsError as error:
        raise ProblemError(409, str(error), field=field, remedy=remedy) from error


def problem_response(error: ProblemError) -> web.Response:
    """Return the answer that an error is."""
    title = HTTPStatus(error.status).phrase
    body = msgspec.json.encode(Problem(title, error.status, error.detail, error.field, error.remedy))
    return web.Response(
        status=error.status, body=body, headers=error.headers, content_type="application/problem+json"
    )
