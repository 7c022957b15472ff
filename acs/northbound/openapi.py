"""The OpenAPI 3.1 document, made of the table of routes and the types of requests and answers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from acs import __version__
from acs.northbound import shapes as sh
from acs.northbound.problems import Problem
from acs.northbound.routes import ROUTES, Route
from acs.northbound.scopes import SCOPES

__all__ = ["openapi_document"]

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")


def openapi_document() -> dict[str, Any]:
    """Return the document."""
    types: list[Any] = [Problem, sh.Credentials, sh.Login]
    for route in ROUTES:
        types += [route.answer, route.query, *([route.body] if route.body else [])]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Any] = {"/v1/session": {"post": _session(by_type)}}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type, components)
    queries = {route.query.__name__ for route in ROUTES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "femto-acs northbound",
            "version": __version__,
            "description": "Devices, alarms, cases and commands of a HeMS. Each operation needs a scope:\n\n"
            + "\n".join(f"- `{name}`: {what}" for name, what in SCOPES.items()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
        "security": [{"bearer": []}, {"certificate": []}],
    }


def _content(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _problem(by_type: dict[str, Any]) -> dict[str, Any]:
    content = _content(by_type[repr(Problem)], "application/problem+json")
    return {"description": "What went wrong, where, and what to do about it.", "content": content}


def _operation(route: Route, by_type: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    doc = (route.run.__doc__ or "").strip()
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    query = components.get(route.query.__name__, {})
    for name, schema in query.get("properties", {}).items():
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema})
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{route.run.__name__}",
        "summary": doc,
        "description": f"Scope: `{route.scope}`.",
        "parameters": parameters,
        "responses": {
            str(route.status): {"description": "Done.", "content": _content(by_type[repr(route.answer)])},
            "default": _problem(by_type),
        },
        "x-scope": route.scope,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(by_type[repr(route.body)])}
    return operation


def _session(by_type: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "post_session",
        "summary": "Exchange a user's password for a short-lived token.",
        "security": [],
        "requestBody": {"required": True, "content": _content(by_type[repr(sh.Login)])},
        "responses": {
            "200": {"description": "The token.", "content": _content(by_type[repr(sh.Credentials)])},
            "default": _problem(by_type),
        },
    }
