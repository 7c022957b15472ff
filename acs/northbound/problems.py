"""Errors as ``application/problem+json`` (RFC 9457) that name the field and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

__all__ = ["Problem", "ProblemError", "problem_response"]


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


def problem_response(error: ProblemError) -> web.Response:
    """Return the answer that an error is."""
    title = HTTPStatus(error.status).phrase
    body = msgspec.json.encode(Problem(title, error.status, error.detail, error.field, error.remedy))
    return web.Response(
        status=error.status, body=body, headers=error.headers, content_type="application/problem+json"
    )
