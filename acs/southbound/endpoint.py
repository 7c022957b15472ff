"""``POST`` of CWMP: bytes in, bytes out. The shell around decode, authenticate, one transaction, encode."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from dataclasses import replace
from time import perf_counter

import structlog
from aiohttp import web
from sqlalchemy.exc import InterfaceError, OperationalError

from acs.alarms import AlarmChange
from acs.commands import Command
from acs.cwmp import DecodeError, Envelope, Limits, decode, encode
from acs.cwmp import messages as m
from acs.cwmp.versions import SUPPORTED, incompatible, negotiate
from acs.datamodel import profile_for
from acs.devices import Expected, audit, device_key, note_pending
from acs.distress import STANDARD, listener_of
from acs.errors import AcsError
from acs.observability import Metrics
from acs.remediation import Environment
from acs.security import SealError, Secrets
from acs.settings import Settings
from acs.southbound import transactions as tx
from acs.southbound.admission import Admission, said_to_be
from acs.southbound.authentication import Authenticator, Peer, Proof, Refused, peer_of
from acs.southbound.compression import unzip
from acs.southbound.contacts import note_clash
from acs.southbound.guarded import guarded
from acs.southbound.impersonation import Claim, Claims, Seldom, certificate_revoked, identity_claimed
from acs.southbound.intake import Intake, Narrow, Quarantine
from acs.southbound.open_sessions import OpenSessions
from acs.southbound.placeholders import fill, secret_paths
from acs.southbound.revocation import Revocations
from acs.southbound.roles import channel_for
from acs.southbound.ticket import COOKIE, Ticket, Tickets
from acs.southbound.tracer import SECRET_PATHS, Heard, Tracer
from acs.southbound.turned_away import TurnedAway
from acs.southbound.turns import BUSY, Turns, is_expected, seems_expected
from acs.southbound.vendors import Vendors
from acs.store import Store

__all__ = ["CHANNEL", "Endpoint"]

CHANNEL = web.AppKey("channel", str)
"""Over which channel an application's requests come; the standard one where it does not say."""

_BIG = 32 * 1024  # bytes; parsing more than this is done in a thread, one after the other
_PATIENCE = 15.0  # seconds that an Inform waits for its turn; a device waits for 30 or more
_MOST_UNPROVED = 256 * 1024  # bytes of a message whose proof can't be checked without it
_LOGGED = 20  # changes of alarms in one Inform that have a line each in the log
_WHO = web.RequestKey("who", str)
_CLAIMED = web.RequestKey("claimed", str)
_CONTENT_TYPE = 'text/xml; charset="utf-8"'
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_COOKIE = {"Path": "Path=/", "Secure": "Secure", "HttpOnly": "HttpOnly"}
_log = structlog.get_logger(__name__)


class Endpoint:
    """The ACS's CWMP endpoint."""

    def __init__(
        self, store: Store, settings: Settings, secret: Secrets, env: Environment, metrics: Metrics
    ) -> None:
        self._store, self._settings, self._secrets = store, settings, secret
        self.env, self.metrics = env, metrics
        self._limits = Limits(max_bytes=settings.max_body)
        self.authenticator = Authenticator(
            store, settings, store_key=secret.store_key, nonce_key=secret.nonce_key
        )
        self._claims, self._waiting, self._clashes = Claims(), Seldom(60.0), Seldom(60.0)
        self.admission = Admission(store)
        self.revocations = Revocations(settings, metrics, store.clock)
        self.vendors = Vendors(settings, store.clock)
        self.intake = Intake(settings)
        self._narrow, self._quarantine = Narrow(), Quarantine()
        self.turns = Turns(settings.informs_at_once, _PATIENCE)
        self.turned_away = TurnedAway(store, lambda: self.turns.room)
        self._tickets = Tickets(secret.cookie_key)
        self.sessions = OpenSessions(settings.session_lifetime, metrics.open_sessions)
        self.tracer = Tracer(store, settings)
        store.on("commands", self.sessions.woken)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one POST. Whatever goes wrong, the device gets an answer and the log a line."""
        started = perf_counter()
        peer = peer_of(request.transport, self.vendors)
        try:
            response = await self._answer(request, peer)
            result = str(response.status)
        except Refused as refused:
            response, result = self._refusal(refused, peer), refused.reason
            if refused.reason == BUSY and _WHO in request:
                self.turned_away.note(request[_WHO])
            if not refused.expected:
                self.admission.refused(_claimed(request, peer), peer.address, refused)
        except TimeoutError:
            response, result = _later("the ACS is busy"), "timeout"
        except AcsError as error:
            _log.warning("a POST could not be served", why=str(error), address=peer.address)
            response, result = _later("the ACS is busy"), "busy"
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad message must not take more than itself down
            _log.exception("a POST failed", address=peer.address)
            response, result = _later("the ACS failed; the message was not stored"), "error"
            await self._failed(request.get(_WHO, ""), error)
        else:
            self._quarantine.fine(request.get(_WHO, ""))
        self.metrics.posts.labels(result).inc()
        self.metrics.post_seconds.observe(perf_counter() - started)
        return response

    def _refusal(self, refused: Refused, peer: Peer) -> web.Response:
        self.metrics.refused.labels(refused.reason).inc()
        log = _log.debug if refused.expected else _log.warning
        log("refused", reason=refused.reason, why=refused.text, address=peer.address)
        response = web.Response(status=refused.status, text=refused.text + "\n")
        for each in refused.challenges:
            response.headers.add("WWW-Authenticate", each)
        if refused.retry_after:
            response.headers["Retry-After"] = str(math.ceil(refused.retry_after))
        if refused.status in (413, 408, 400):
            response.force_close()
        return response

    async def _failed(self, who: str, error: Exception) -> None:
        """Leave a device aside whose messages make the ACS fail again and again."""
        if not who or isinstance(error, OSError | OperationalError | InterfaceError):
            return  # that is not the device's fault
        seconds = self._quarantine.failed(who, self._store.clock())
        if not seconds:
            return
        self.metrics.quarantines.inc()
        detail = f"not served for {seconds:g} s: {type(error).__name__}: {str(error)[:500]}"
        _log.error("a device is left aside", device=who, why=detail)
        with contextlib.suppress(Exception):
            await self._store.write(
                audit, "quarantine", "device left aside", who[:200], detail, now=self._store.clock()
            )

    async def _answer(self, request: web.Request, peer: Peer) -> web.Response:
        """Find out who it is, then what it may send, and only then what it says."""
        ticket = self._ticket(request, peer)
        proof: Proof | None = None
        signed = "auth-int" in request.headers.get("Authorization", "").lower()
        if ticket is None and not signed:
            proof = await self._prove(request, peer)
        who = self._known(request, ticket, proof)
        sender = who or guarded(request).connection.party
        async with self.intake.body(request, sender, None if who else _MOST_UNPROVED) as raw:
            if not who:  # its proof covers the body
                proof = await self._prove(request, peer, raw)
                who = self._known(request, None, proof)
            await self.intake.admit(who, raw)
            if self.intake.is_inform(raw):
                self.turns.demand_room(expected=seems_expected(raw))
            body = raw
            if request.headers.get("Content-Encoding", "").strip().lower() == "x-gzip":
                body = unzip(raw, self._settings.max_body)  # another name of gzip (RFC 9110 8.4.1.3)
            received = await self._decode(body, request.charset) if body.strip() else None
            if isinstance(received, Envelope) and isinstance(received.message, m.Inform) and proof is None:
                proof = await self._prove(request, peer, raw)
            if self.tracer.active:
                return await self.tracer.listen(
                    Heard(request, peer.address, body, received),
                    self._handle(request, peer, ticket, proof, received),
                    lambda: self._tickets.recall(request.transport) or ticket,
                )
            return await self._handle(request, peer, ticket, proof, received)

    def _known(self, request: web.Request, ticket: Ticket | None, proof: Proof | None) -> str:
        """Return who sends this, empty where that is not known yet. Raises ``Refused`` in quarantine."""
        if ticket is not None:
            who = ticket.binding or ticket.device_key
        elif proof is not None:
            who = proof.names[0] if proof.names else proof.device_key
        else:
            return ""
        request[_WHO] = who
        guarded(request).proved(who)
        left = self._quarantine.left(who, self._store.clock())
        if left:
            text = "messages of this device made the ACS fail; it is left aside for a while"
            raise Refused(503, "quarantined", text, retry_after=left)
        return who

    async def _prove(self, request: web.Request, peer: Peer, body: bytes = b"") -> Proof:
        header = request.headers.get("Authorization", "")
        return await self.authenticator.prove(
            peer, header, method="POST", path=request.path, body=body, after_reset=True
        )

    async def _handle(
        self,
        request: web.Request,
        peer: Peer,
        ticket: Ticket | None,
        proof: Proof | None,
        received: Envelope | DecodeError | None,
    ) -> web.Response:
        if isinstance(received, Envelope):
            if received.repairs:
                self.metrics.repairs.inc()
                _log.info("a message was repaired", repairs=received.repairs, address=peer.address)
            if isinstance(received.message, m.Inform):
                assert proof is not None
                return await self._open(request, peer, proof, received, received.message)
        if ticket is None:
            return self._outside(peer, received)
        unproved = not ticket.binding and "Authorization" not in request.headers
        try:
            return await self._continue(ticket, received, unproved=unproved)
        except Refused as refused:
            if refused.reason == "session-superseded":
                await self._clash(ticket, peer)
            raise

    def _ticket(self, request: web.Request, peer: Peer) -> Ticket | None:
        """Return the session that the cookie names, or else the connection."""
        header = "; ".join(request.headers.getall("Cookie", ()))
        ticket, recalled = self._tickets.open(header), self._tickets.recall(request.transport)
        # A cookie that the device should have replaced gives way to what this connection was given since.
        stale = (
            ticket and recalled and ticket.device_id == recalled.device_id and ticket.epoch < recalled.epoch
        )
        ticket = recalled if ticket is None or stale else ticket
        if ticket is None:
            return None
        if listener_of(ticket.channel) != _channel(request):
            text = f"the session of {ticket.device_key} was opened over the {ticket.channel} channel"
            raise Refused(403, "other-channel", text)
        if ticket.binding and peer.vouched is not None:
            self.authenticator.certified(peer.vouched)
            self.revocations.refuse_known(peer.vouched)
        # One that was opened with a password does not go on with a certificate either.
        other = ticket.binding not in peer.names if ticket.binding else peer.vouched is not None
        if other:
            text = f"the session of {ticket.device_key} was opened with another certificate, or none"
            raise Refused(403, "stolen-session", text)
        if self._store.clock() - ticket.opened_at > self._settings.session_lifetime:
            return None
        return ticket

    async def _decode(self, body: bytes, charset: str | None) -> Envelope | DecodeError:
        try:
            if len(body) > _BIG:
                async with self._narrow.passing(len(body)):
                    return await asyncio.to_thread(decode, body, charset=charset, limits=self._limits)
            return decode(body, charset=charset, limits=self._limits)
        except DecodeError as error:
            return error

    async def _open(
        self, request: web.Request, peer: Peer, proof: Proof, received: Envelope, inform: m.Inform
    ) -> web.Response:
        if self.sessions.draining:
            return _later("this node is being stopped")
        told = received.header.supported_cwmp_versions
        if incompatible(told):
            text = f"the ACS speaks CWMP {', '.join(SUPPORTED)}, not {', '.join(told)[:64]}"
            return self._message(m.Fault(8006, text), received.namespace, received.header.id)
        request[_CLAIMED] = device_key(inform.device_id.oui, inform.device_id.serial_number)
        try:
            channel = channel_for(proof, _channel(request), self.env.roles)
            allowed = self.admission.decide(inform.device_id, peer.address)
            proof = replace(proof, allowed=allowed, address=peer.address)
            if proof.vouched is not None:
                await self.revocations.refuse(proof.vouched)
            async with self.turns.turn(expected=is_expected(inform)):
                opened = await self._store.write(
                    tx.open_session,
                    inform,
                    proof,
                    namespace=received.namespace,
                    settings=self._settings,
                    env=self.env,
                    now=self._store.clock(),
                    session_timeout=received.header.session_timeout,
                    channel=channel,
                    later=self.turns.crowded,
                )
        except Refused as refused:
            if refused.reason in ("identity-of-another", "out-of-scope", "revoked"):
                await self._alarm(inform, proof, peer, refused)
            if refused.reason == "pending-approval" and self._waiting(request[_CLAIMED], self._store.clock()):
                await self._store.write(
                    note_pending, _expected(inform.device_id), peer.address, now=self._store.clock()
                )
            raise
        self.turned_away.came(request[_WHO])
        device = opened.device
        ticket = Ticket(
            device_id=device.id,
            device_key=device.device_key,
            epoch=opened.epoch,
            session=secrets.token_hex(8),
            namespace=received.namespace,
            opened_at=self._store.clock(),
            binding=proof.names[0] if proof.names else "",
            channel=channel,
        )
        self.sessions.opened(ticket.device_id, ticket.opened_at, opened.epoch if opened.idle else None)
        self.metrics.sessions.inc()
        self._count(opened.settled, opened.changes)
        if opened.first_contact:
            _log.info("first contact", device=device.device_key, session=ticket.session)
        for change in opened.changes[:_LOGGED]:
            _log.info(
                "alarm",
                kind=change.kind,
                device=device.device_key,
                session=ticket.session,
                event_type=change.alarm.event_type,
                probable_cause=change.alarm.probable_cause,
                severity=change.alarm.perceived_severity,
                specific_problem=change.alarm.specific_problem,
            )
        if (left := len(opened.changes) - _LOGGED) > 0:
            _log.info("more alarms", device=device.device_key, session=ticket.session, count=left)
        profile = profile_for(device)
        declaration = profile.xml_declaration
        response = self._message(
            m.InformResponse(),
            ticket.namespace,
            received.header.id,
            declaration,
            use_cwmp_version=negotiate(told),
        )
        attributes = "".join(f"; {_COOKIE[each]}" for each in profile.cookie_attributes if peer.secure)
        response.headers["Set-Cookie"] = f"{COOKIE}={self._tickets.seal(ticket)}{attributes}"
        self._tickets.remember(request.transport, ticket)
        return response

    async def _clash(self, ticket: Ticket, peer: Peer) -> None:
        """Note that a session went on which a newer one of the device has ended, once a minute."""
        now = self._store.clock()
        if not self._clashes((ticket.device_id, ticket.session), now):
            return
        changes = await self._store.write(
            note_clash,
            ticket.device_id,
            peer.address,
            peer.vouched.certificate.key_digest[:16] if peer.vouched else "",
            settings=self._settings,
            env=self.env,
            now=now,
        )
        self._count((), changes)

    async def _alarm(self, inform: m.Inform, proof: Proof, peer: Peer, refused: Refused) -> None:
        """Raise the alarms about a device that is not what it claims to be; once a minute, not oftener."""
        claimed = device_key(inform.device_id.oui, inform.device_id.serial_number)[:200]
        now = self._store.clock()
        if not self._claims(claimed, proof.names[0] if proof.names else proof.device_key, now):
            return
        changes = await self._store.write(
            certificate_revoked if refused.reason == "revoked" else identity_claimed,
            Claim(claimed, proof.names, proof.device_key, refused.text, peer.address),
            detector=f"HeMS:{self._settings.realm}",
            env=self.env,
            now=now,
        )
        self._count((), tuple(changes))

    def _outside(self, peer: Peer, received: Envelope | DecodeError | None) -> web.Response:
        """Answer what comes before any Inform: nothing of it is stored."""
        if isinstance(received, DecodeError):
            self.metrics.refused.labels("malformed").inc()
            _log.warning("refused", reason="malformed", why=received.reason, address=peer.address)
            fault = m.Fault(received.fault_code, received.reason[:256])
            response = self._message(fault, m.CWMP_1_0, None)
            response.set_status(400)
            return response
        reply = tx.outside_session(received)
        if reply is None:
            return web.Response(status=204)
        assert received is not None
        return self._message(reply, received.namespace, received.header.id)

    async def _continue(
        self, ticket: Ticket, received: Envelope | DecodeError | None, *, unproved: bool
    ) -> web.Response:
        if received is None and await self._nothing_waits(ticket):
            self.sessions.ended(ticket.device_id)
            return web.Response(status=204)
        if isinstance(received, DecodeError):
            self.metrics.refused.labels("malformed").inc()
            _log.warning("refused", reason="malformed", why=received.reason, device=ticket.device_key)
        reply = await self._store.write(
            tx.continue_session,
            ticket.device_id,
            ticket.epoch,
            received,
            namespace=ticket.namespace,
            env=self.env,
            now=self._store.clock(),
            unproved=unproved,
            channel=ticket.channel,
            fill=lambda message, sealed: fill(message, self._secrets, ticket.device_key, sealed),
        )
        if reply.challenge:
            raise self.authenticator.challenge("an answer is expected, or the password with an empty message")
        self._count(reply.settled, reply.changes)
        for command in reply.settled:
            _log.info(
                "command",
                device=ticket.device_key,
                session=ticket.session,
                case=command.case_id,
                command=command.id,
                method=command.method,
                state=command.state,
                fault=command.fault_code,
            )
        if reply.message is None:
            self.sessions.ended(ticket.device_id)
            return web.Response(status=204)
        echoed = received.header.id if isinstance(received, Envelope) else None
        try:
            message = fill(reply.message, self._secrets, ticket.device_key, reply.secrets)
        except SealError as error:  # not the device's fault: it is served on
            remedy = "set the secrets of declared state again, or send the command again"
            raise AcsError(f"what {ticket.device_key} is to be set to can't be opened; {remedy}") from error
        response = self._message(message, ticket.namespace, reply.id or echoed, reply.declaration)
        response[SECRET_PATHS] = secret_paths(reply.message)
        return response

    async def _nothing_waits(self, ticket: Ticket) -> bool:
        if self.sessions.idle(ticket.device_id, ticket.epoch):
            return True
        return await self._store.read(tx.nothing_waits, ticket.device_id, ticket.epoch)

    def _count(self, settled: tuple[Command, ...], changes: tuple[AlarmChange, ...]) -> None:
        for command in settled:
            self.metrics.commands.labels(command.method, command.state).inc()
        for change in changes:
            self.metrics.alarms.labels(change.kind, change.alarm.known_event_type).inc()

    def _message(
        self,
        message: m.Message,
        namespace: str,
        message_id: str | None,
        declaration: bool = False,
        *,
        use_cwmp_version: str | None = None,
    ) -> web.Response:
        if isinstance(message, m.UnknownMethod) and not message.namespace:
            message = replace(message, namespace=namespace)  # a vendor's that says of none, as all others
        header = m.Header(id=message_id or "1", use_cwmp_version=use_cwmp_version)
        body = encode(message, namespace=namespace, header=header)
        if declaration:
            body = _DECLARATION + body
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})


def _claimed(request: web.Request, peer: Peer) -> str:
    """Return who a stranger said it is: by its Inform, its certificate or its user name."""
    if _CLAIMED in request:
        return str(request[_CLAIMED])
    return said_to_be(peer, request.headers.get("Authorization", ""))


def _channel(request: web.Request) -> str:
    return request.app.get(CHANNEL, STANDARD)


def _expected(who: m.DeviceId) -> Expected:
    return Expected(who.oui, who.serial_number, who.product_class[:64])


def _later(text: str) -> web.Response:
    return web.Response(status=503, text=text + "\n", headers={"Retry-After": "30"})
