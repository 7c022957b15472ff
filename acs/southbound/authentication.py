"""Who sends an Inform: a client certificate, or HTTP Digest, or (over TLS) Basic.

Nothing about a device is loaded before it has proved who it is (but its sealed password).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from acs import devices as dev
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.devices import Device
from acs.errors import AcsError
from acs.security import Lockout, Sealer, Secrets, digest
from acs.settings import Settings
from acs.southbound.vendors import Vendors, Vouched
from acs.store import RefusedError, Store

__all__ = [
    "Authenticator",
    "Peer",
    "Proof",
    "Refused",
    "admit",
    "certificates_sent",
    "open_device_password",
    "peer_of",
    "seal_device_password",
]

_DUMMY = "-" * 24
_PASSWORD_CONTEXT = b"device-password"


class Refused(RefusedError):  # noqa: N818 - an answer to the device, not an error of the program
    """The device is turned away: HTTP ``status``, the metric's ``reason``, a sentence for both sides."""

    def __init__(
        self,
        status: int,
        reason: str,
        text: str,
        *,
        challenges: Sequence[str] = (),
        expected: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(text)
        self.status, self.reason, self.text = status, reason, text
        self.challenges, self.expected, self.retry_after = tuple(challenges), expected, retry_after


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: address, whether TLS is on, its certificate, who vouches for it."""

    address: str
    secure: bool
    vouched: Vouched | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names in its certificate; none where nobody vouches for it any more."""
        return self.vouched.certificate.names if self.vouched and self.vouched.path else ()

    @property
    def fail_safe(self) -> bool:
        """Whether its certificate is that of a fail-safe image, and somebody vouches for it."""
        return bool(self.names) and self.vouched is not None and self.vouched.fail_safe


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: the names in a certificate and who vouches for them, or whose password was known."""

    names: tuple[str, ...] = ()
    device_key: str = ""
    vouched: Vouched | None = None
    renewed: bool = False
    """Whether the password was the one that the device was told last, used for the first time."""
    enrolment: bool = False
    """Whether it was the password from before the first rotation, which a factory reset brings back."""
    address: str = ""
    allowed: bool = False
    """Whether a rule lets it in although it may be unknown."""
    fail_safe: bool = False
    """Whether these are the limited credentials of a fail-safe image (S1 L82)."""


def peer_of(transport: Any, vendors: Vendors) -> Peer:
    """Describe the other end of a transport.

    Its certificate was verified in the handshake, or in an earlier one where this connection resumed it;
    ``vendors`` tells whether it still holds. Raises ``ConnectionResetError`` where the connection has ended.
    """
    if transport is None:
        raise ConnectionResetError("the connection ended before its request was looked at")
    name = transport.get_extra_info("peername")
    address = name[0] if isinstance(name, tuple) else "local"
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return Peer(address, secure=False)
    der = tls.getpeercert(binary_form=True)
    return Peer(address, True, vendors.vouch(der, lambda: certificates_sent(tls)) if der else None)


def certificates_sent(tls: Any) -> list[bytes]:
    """Return all certificates that the other end sent; none on a resumed connection."""
    if hasattr(tls, "get_unverified_chain"):  # Python 3.13
        return list(tls.get_unverified_chain())
    # Python 3.10 to 3.12 have it, but do not show it.
    chain = tls._sslobj.get_unverified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain]


def seal_device_password(secrets: Secrets, password: str) -> bytes:
    """Return a device's password as the store keeps it."""
    return Sealer(secrets.store_key).seal(password.encode(), _PASSWORD_CONTEXT)


def open_device_password(sealer: Sealer, sealed: bytes) -> str:
    """Return a device's password from what the store keeps. Raises ``SealError``."""
    return sealer.open(sealed, _PASSWORD_CONTEXT).decode()


class Authenticator:
    """Checks passwords and certificates against the store."""

    def __init__(self, store: Store, settings: Settings, *, store_key: bytes, nonce_key: bytes) -> None:
        self._store, self._realm = store, settings.realm
        self._sealer = Sealer(store_key)
        self._nonces = digest.Nonces(nonce_key)
        self._replays = digest.Replays()
        self._lockout = Lockout()
        self._dummy = self._sealer.seal(_DUMMY.encode(), _PASSWORD_CONTEXT)

    def challenge(self, text: str, reason: str = "no-credentials", *, stale: bool = False) -> Refused:
        """Return the refusal that asks for credentials."""
        nonce = self._nonces.make(self._store.clock())
        challenges = digest.challenge(self._realm, nonce, stale=stale)
        expected = stale or reason == "no-credentials"
        return Refused(401, reason, text, challenges=challenges, expected=expected)

    async def prove(
        self,
        peer: Peer,
        header: str,
        *,
        method: str,
        path: str,
        body: bytes = b"",
        after_reset: bool = False,
    ) -> Proof:
        """Return what the peer proves. Raises ``Refused`` with a challenge or with the reason.

        ``body`` as it was received, for ``auth-int``. ``after_reset``: the password of its enrolment may
        be good; who is let in with it has to say 0 BOOTSTRAP.
        """
        if peer.vouched is not None:
            return self.certified(peer.vouched)
        if not header:
            raise self.challenge("a device without a certificate of its vendor needs its password")
        given = digest.parse(header)
        if given is None or (given.scheme == "basic" and not peer.secure):
            raise self.challenge("only Digest, and Basic over TLS, are accepted", "bad-scheme")
        now = self._store.clock()
        user = given.username[:256]
        wait = self._lockout.wait(peer.address, user, now)
        if wait > 0:
            text = f"too many wrong passwords; try again in {wait:.0f} s"
            raise Refused(429, "locked-out", text, retry_after=wait)
        stale = given.fields is not None and self._check_nonce(given.fields, now)
        device_key, password = await self._password_of(user)
        # An unknown user costs as much time as a wrong password.
        right = self._right(given, password or _DUMMY, method=method, path=path, body=body) and bool(password)
        renewed = False
        if not right:
            following = await self._next_password_of(user)
            fits = self._right(given, following or _DUMMY, method=method, path=path, body=body)
            renewed = fits and bool(following)
        enrolment = False
        if after_reset and not (right or renewed):
            first = await self._enrolment_password_of(user)
            fits = self._right(given, first or _DUMMY, method=method, path=path, body=body)
            enrolment = fits and bool(first)
        if not (right or renewed or enrolment):
            self._lockout.failed(peer.address, user, now)
            raise self.challenge("user name or password are wrong", "wrong-credentials")
        if stale:
            raise self.challenge("the nonce is too old", stale=True)
        if given.fields is not None and self._replays.seen(given.fields, now):
            raise self.challenge("this answer was given before", "replayed", stale=True)
        self._lockout.succeeded(peer.address, user)
        return Proof(device_key=device_key, renewed=renewed, enrolment=enrolment)

    async def _password_of(self, username: str) -> tuple[str, str]:
        """Return whose user name this is and the password; both empty where nobody's."""
        found = await self._store.read(dev.credentials_by_username, username)
        sealed = found.secret_sealed if found is not None else None
        password = self._sealer.open(sealed or self._dummy, _PASSWORD_CONTEXT).decode()
        return (found.device_key, password) if found is not None and sealed else ("", "")

    async def _next_password_of(self, username: str) -> str:
        """Return the password that the device of this user name was told and has not used yet, if any."""
        found = await self._store.read(dev.credentials_by_username, username)
        sealed = found.next_sealed if found is not None else None
        password = self._sealer.open(sealed or self._dummy, _PASSWORD_CONTEXT).decode()
        return password if sealed else ""

    async def _enrolment_password_of(self, username: str) -> str:
        """Return the password that a factory reset, which the ACS asked for, gives it back, if any."""
        sealed = await self._store.read(dev.enrolment_secret, username)
        password = self._sealer.open(sealed or self._dummy, _PASSWORD_CONTEXT).decode()
        return password if sealed else ""

    def certified(self, vouched: Vouched) -> Proof:
        """Return the proof that a certificate is. Raises ``Refused`` where nobody vouches for it."""
        subject = vouched.certificate.subject[:100]
        if not vouched.path:
            text = f"no CA that is trusted here vouches for the certificate of {subject}, or it has expired"
            raise Refused(403, "untrusted-certificate", text)
        if not vouched.certificate.names:
            raise Refused(403, "nameless-certificate", f"the certificate of {subject} has no SAN dNSName")
        return Proof(names=vouched.certificate.names, vouched=vouched, fail_safe=vouched.fail_safe)

    def _check_nonce(self, fields: Any, now: float) -> bool:
        """Tell whether the nonce is stale; raise a new challenge when it is not ours."""
        verdict = self._nonces.check(fields.get("nonce", ""), now)
        if verdict == "forged":
            raise self.challenge("the nonce is not one of this ACS", "forged-nonce")
        return verdict == "stale"

    def _right(
        self, given: digest.Authorization, password: str, *, method: str, path: str, body: bytes
    ) -> bool:
        if given.fields is None:
            return digest.same_secret(given.password or "", password)
        return digest.verify_digest(
            given.fields, method=method, realm=self._realm, password=password, path=path, body=body
        )


def _never(_: Device) -> bool:
    return False


def admit(
    conn: Connection,
    inform: m.Inform,
    proof: Proof,
    settings: Settings,
    *,
    now: float,
    despite_block: Callable[[Device], bool] = _never,
) -> Device:
    """Return the device that the Inform is of, registering it at first contact where that is allowed.

    A certificate binds three names: its SAN dNSName is the device's FQDN, the FQDN is that of the OUI and
    serial number (TS 33.320 4.4.9), and its CA may vouch for that OUI. A fail-safe image has its own name.
    Raises ``Refused`` when one of them is another device's, the device is unknown, or blocked and not let in
    ``despite_block``.
    """
    who = inform.device_id
    key = dev.device_key(who.oui, who.serial_number)
    if proof.device_key and proof.device_key != key:
        raise Refused(403, "identity-of-another", f"these credentials are not those of {key[:100]}")
    expected = dev.certificate_name(who.oui, who.serial_number, settings.realm)
    device = dev.find(conn, key, lock=True)
    if proof.fail_safe:
        _check_fail_safe(who, proof, settings)
    else:
        _check_names(conn, who, proof, device, expected)
    if device is None:
        _may_be_new(key, proof, settings)
        device = _register(conn, who, None if proof.fail_safe else expected, now=now)
    if device.admission != "blocked" or not despite_block(device):
        device = _let_in(conn, device, proof, now=now)
    if proof.renewed:
        dev.digest_secret_proved(conn, device.id)
    if proof.enrolment:
        if not ev.has_event(inform.events, ev.BOOTSTRAP):
            text = f"{key[:100]} was reset and comes with the password of its enrolment, but not 0 BOOTSTRAP"
            raise Refused(403, "no-bootstrap", text)
        dev.enrolment_secret_proved(conn, device.id)
        dev.audit(conn, "admission", "password of the enrolment accepted", key, "after FactoryReset", now=now)
    if proof.names and device.certificate_name is None and not proof.fail_safe:
        dev.bind_certificate(conn, device.id, expected)
    return device


def _check_fail_safe(who: m.DeviceId, proof: Proof, settings: Settings) -> None:
    """Raise ``Refused`` where the credentials are not those of the fail-safe image of this device."""
    name = dev.fail_safe_name(who.oui, who.serial_number, settings.realm)
    if name not in proof.names:
        text = f"the certificate of {proof.names[0][:100]} is not that of the fail-safe image {name[:100]}"
        raise Refused(403, "identity-of-another", text)
    why = proof.vouched.refusal(who.oui, name, who.product_class) if proof.vouched else ""
    if why:
        raise Refused(403, "out-of-scope", f"the certificate of {name[:100]} is not good for it: {why}")


def _check_names(
    conn: Connection, who: m.DeviceId, proof: Proof, device: Device | None, expected: str
) -> None:
    """Raise ``Refused`` where the names in the certificate are not those of the device."""
    if not proof.names:
        return
    key = dev.device_key(who.oui, who.serial_number)
    bound = device.certificate_name if device is not None else None
    name = (bound or expected).lower()
    if name not in proof.names:
        text = f"the certificate of {proof.names[0][:100]} is not that of {key[:100]}"
        raise Refused(403, "identity-of-another", text)
    why = proof.vouched.refusal(who.oui, name, who.product_class) if proof.vouched else ""
    if why:
        text = f"the certificate of {name[:100]} does not make it {key[:100]}: {why}"
        raise Refused(403, "out-of-scope", text)
    # Names of certificates know no case, serial numbers do.
    if bound is None and dev.certificate_holder(conn, expected) not in (None, key):
        raise Refused(403, "identity-of-another", f"the certificate {expected[:100]} is another device's")


def _may_be_new(key: str, proof: Proof, settings: Settings) -> None:
    if proof.allowed:
        return
    if settings.admission == "known":
        raise Refused(403, "unknown-device", f"{key[:100]} is not registered here")
    if settings.admission == "approve":
        raise _waits(key)


def _let_in(conn: Connection, device: Device, proof: Proof, *, now: float) -> Device:
    if device.admission == "pending":
        if not proof.allowed:
            raise _waits(device.device_key)
        return dev.approve(conn, device.id, "by a rule", who="admission", now=now)
    if device.blocked:
        raise Refused(403, "blocked", f"{device.device_key} is blocked: {device.admission_reason}")
    if device.admission == "expected":
        return dev.enrolled(conn, device, f"from {proof.address}", now=now)
    return device


def _waits(key: str) -> Refused:
    text = f"{key[:100]} waits for approval; see: acs devices approve"
    return Refused(403, "pending-approval", text)


def _register(conn: Connection, who: m.DeviceId, certificate_name: str | None, *, now: float) -> Device:
    try:
        device = dev.register(
            conn,
            who.oui,
            who.serial_number,
            product_class=who.product_class[:64],
            certificate_name=certificate_name,
            now=now,
        )
    except AcsError as error:
        raise Refused(403, "bad-identity", str(error)) from error
    detail = (
        f"by its certificate {certificate_name}" if certificate_name else "by that of its fail-safe image"
    )
    dev.audit(conn, "admission", "device registered", device.device_key, detail, now=now)
    return device
