"""The northbound listener: HTTPS, bearer tokens, no cookies, nothing for browsers of other origins."""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from aiohttp import web
from sqlalchemy import Connection

from acs import devices as dev
from acs import remediation as rm
from acs.errors import AcsError
from acs.loops import tried_again
from acs.northbound import shapes as sh
from acs.northbound.client_certificates import certificate_of, names_in
from acs.northbound.openapi import openapi_document
from acs.northbound.problems import ProblemError, problem_response
from acs.northbound.resources import Call, Caller
from acs.northbound.routes import ROUTES, Route
from acs.northbound.tokens import Token, create_token, stale, token_of, token_used
from acs.northbound.users import check_password, find_user
from acs.observability import Metrics
from acs.security import CertificateFiles, Lockout, Sealer, Secrets
from acs.settings import Settings
from acs.store import Store

__all__ = ["Northbound"]

_MAX_BODY = 1024 * 1024
_SESSION = 3600.0  # seconds that a token lasts which was got for a password
_LOOK = 5.0  # seconds between two looks at the certificate
_HASHES = 2  # passwords that are checked at once: each takes 64 MiB
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "femto-acs",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # escaped in JSON; it can't be there otherwise
_log = structlog.get_logger(__name__)


class Northbound:
    """The REST interface for managers, on ``runner`` once it is started.

    ``proved`` is called with a request and the name of the manager that has proved to send it.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        secrets: Secrets,
        env: rm.Environment,
        metrics: Metrics,
        *,
        proved: Callable[[web.Request, str], None],
    ) -> None:
        self._proved = proved
        self._store, self._settings, self.env, self._metrics = store, settings, env, metrics
        self._sealer = Sealer(secrets.store_key)
        self._lockout = Lockout()
        certificate, key = settings.northbound_certificate, settings.northbound_key
        if certificate is None:
            certificate, key = settings.data / "pki" / "server.pem", settings.data / "pki" / "server.key"
        self._certificate = CertificateFiles(certificate, key, "northbound_certificate, northbound_key")
        self._context: ssl.SSLContext | None = None
        self._hashes = asyncio.Semaphore(_HASHES)
        self._document = msgspec.json.encode(openapi_document())
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[self._guard])
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_post("/v1/session", self._session)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        self.runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5)

    def context(self) -> ssl.SSLContext:
        """Return the TLS context. Raises ``AcsError`` that names the file and the setting."""
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        self._certificate.changed()
        self._certificate.load_into(context)
        for path in settings.northbound_client_ca:
            try:
                context.load_verify_locations(path)
            except (OSError, ssl.SSLError) as error:
                raise AcsError(f"can't use {path} (setting northbound_client_ca): {error}") from error
            context.verify_mode = ssl.CERT_OPTIONAL  # who has a token needs no certificate
        self._context = context
        return context

    def follow_certificate(self) -> None:
        """Show another certificate in new handshakes where there is one in its file. Needs ``context``."""
        if self._context is None or not self._certificate.changed():
            return
        try:
            self._certificate.load_into(self._context)
        except AcsError as error:
            _log.error("the managers' new certificate is not used; the one before is shown", why=str(error))

    async def run(self) -> None:
        """Follow the certificate until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            with tried_again(_log, "the managers' certificate could not be read"):
                self.follow_certificate()

    # --- every request --------------------------------------------------------------------

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Turn whatever goes wrong into a problem, and put the headers on every answer."""
        try:
            self._same_origin(request)
            _no_nul(request)
            response = await handler(request)
        except ProblemError as problem:
            response = problem_response(problem)
        except web.HTTPRequestEntityTooLarge:
            response = problem_response(ProblemError(413, f"the body has more than {_MAX_BODY} bytes"))
        except web.HTTPException as error:
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            remedy = "GET /openapi.json lists what there is"
            unknown = ProblemError(error.status, error.reason, remedy=remedy, headers=headers)
            response = problem_response(unknown)
        except (TimeoutError, AcsError) as error:
            _log.warning("a request of a manager could not be served", why=str(error), path=request.path)
            busy = ProblemError(503, "the ACS is busy; nothing was done", headers={"Retry-After": "10"})
            response = problem_response(busy)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - one bad request must not take more than itself down
            _log.exception("a request of a manager failed", path=request.path)
            response = problem_response(ProblemError(500, "the ACS failed; nothing was done"))
        response.headers.update(_HEADERS)
        self._metrics.northbound.labels(str(response.status)).inc()
        return response

    @staticmethod
    def _same_origin(request: web.Request) -> None:
        """Refuse pages of other origins: nothing here is for them, and no CORS header says otherwise."""
        origin = request.headers.get("Origin")
        foreign = origin is not None and origin != f"https://{request.headers.get('Host', '')}"
        if foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise ProblemError(403, "pages of other origins may not use this interface", field="Origin")

    async def _caller(self, request: web.Request) -> Caller:
        """Return who asks: by the token, or else by the client certificate. Raises ``ProblemError``."""
        tls = request.get_extra_info("ssl_object")
        if "Authorization" not in request.headers and tls is not None:
            names = names_in(tls.getpeercert(), self._store.clock())
            found = await self._store.read(certificate_of, names) if names else None
            if found is not None:
                self._proved(request, found.owner)
                return Caller(f"{found.owner}@certificate-{found.name}", found.owner, found.scopes)
            if names:
                raise _unauthorized(
                    f"certificates of the name {names[0][:100]!r} are not let in",
                    "see: acs tokens certificates",
                )
        token = await self._token(request)
        self._proved(request, token.owner)
        return Caller(f"{token.owner}@token-{token.id}", token.owner, token.scopes)

    async def _token(self, request: web.Request) -> Token:
        """Return the token that the request bears. Raises ``ProblemError`` 401 or 429."""
        now, address = self._store.clock(), request.remote or ""
        guesser = f"token@{address}"  # so that who guesses elsewhere keeps nobody out here
        self._wait(address, guesser, now)
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("a bearer token is needed", "make one with: acs tokens create")
        token = await self._store.read(token_of, secret.strip())
        if token is None or not token.alive(now):
            self._lockout.failed(address, guesser, now)
            raise _unauthorized("the token is unknown, expired or revoked", "see: acs tokens list")
        if stale(token, now):
            await self._store.write(token_used, token.id, now=now)
        return token

    def _wait(self, address: str, user: str, now: float) -> None:
        wait = self._lockout.wait(address, user, now)
        if wait > 0:
            seconds = str(math.ceil(wait))
            text = f"too many failed attempts; try again in {seconds} s"
            raise ProblemError(429, text, headers={"Retry-After": seconds})

    # --- routes ---------------------------------------------------------------------------

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            caller = await self._caller(request)
            if route.scope not in caller.scopes:
                remedy = f"make one with: acs tokens create --scope {route.scope}"
                raise ProblemError(403, f"this token lacks the scope {route.scope}", remedy=remedy)
            call = Call(
                caller,
                dict(request.match_info),
                _query(request, route.query),
                await _body(request, route.body) if route.body is not None else None,
                self.env,
                self._sealer,
                self._settings,
                self._store.clock(),
            )
            answer = await (self._store.write if route.writes else self._store.read)(route.run, call)
            return _json(answer, route.status)

        return handle

    async def _openapi(self, request: web.Request) -> web.Response:
        await self._caller(request)
        return web.Response(body=self._document, content_type="application/json")

    async def _session(self, request: web.Request) -> web.Response:
        """Exchange a password for a token that lasts an hour."""
        login: sh.Login = await _body(request, sh.Login)
        now, address = self._store.clock(), request.remote or ""
        self._wait(address, login.user, now)
        found = await self._store.read(find_user, login.user)
        usable = found is not None and not found[0].disabled
        async with self._hashes:
            right = await asyncio.to_thread(check_password, found[1] if found else None, login.password)
        if not (right and usable):
            self._lockout.failed(address, login.user, now)
            raise _unauthorized("user name or password are wrong", "")
        self._lockout.succeeded(address, login.user)
        token, secret = await self._store.write(_login, login.user, now=now)
        return _json(sh.Credentials(secret, token.expires_at, list(token.scopes)), 200)


def _login(conn: Connection, name: str, *, now: float) -> tuple[Token, str]:
    """Make the token of a session, in the transaction that finds the user still there."""
    found = find_user(conn, name)
    if found is None or found[0].disabled:
        raise _unauthorized("user name or password are wrong", "")
    dev.audit_seldom(conn, name, "user logged in", f"user {name}", "", now=now, interval=60)
    purpose, expires_at = "session", now + _SESSION
    return create_token(
        conn, name, found[0].scopes, expires_at=expires_at, who=name, purpose=purpose, now=now
    )


def _no_nul(request: web.Request) -> None:
    """Refuse the one character that PostgreSQL's text does not have; nothing here is called so."""
    if "\0" in request.path or "%00" in request.rel_url.raw_query_string:
        raise ProblemError(
            400, "the URL holds a NUL character", field="path" if "\0" in request.path else "query"
        )


def _unauthorized(detail: str, remedy: str) -> ProblemError:
    headers = {"WWW-Authenticate": 'Bearer realm="femto-acs"'}
    return ProblemError(401, detail, remedy=remedy, headers=headers)


def _query(request: web.Request, kind: type[msgspec.Struct]) -> Any:
    """Return the query as its type. Raises ``ProblemError`` that names the parameter."""
    given = dict(request.query)
    if len(request.query) != len(given):
        raise ProblemError(400, "a parameter is there more than once", field="query")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, "query", kind) from error


async def _body(request: web.Request, kind: type[msgspec.Struct]) -> Any:
    """Return the body as its type. Raises ``ProblemError`` that names the field."""
    if request.content_type != "application/json":
        remedy = "send application/json"
        raise ProblemError(415, "the body has to be JSON", field="Content-Type", remedy=remedy)
    async with asyncio.timeout(30):
        content = await request.read()
    if _NUL.search(content):
        raise ProblemError(400, "the body holds a NUL character", field="body")
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(error, "body", kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is no JSON: {error}"[:300], field="body") from error


def _invalid(error: msgspec.ValidationError, where: str, kind: type[msgspec.Struct]) -> ProblemError:
    text, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or where
    names = ", ".join(each.encode_name for each in msgspec.structs.fields(kind)) or "none"
    return ProblemError(400, text[:300], field=field[:100], remedy=f"known in the {where}: {names}")


def _json(answer: msgspec.Struct, status: int) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(answer), content_type="application/json")
