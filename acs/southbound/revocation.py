"""Revoked certificates are refused: CRL files, CRLs that are fetched, OCSP; each asked once while it holds.

Nothing here holds up the event loop or, for longer than the time-out, a device: what is known is kept per
certificate until it may have changed, one question about a certificate is asked at a time, and a responder
that does not answer is left alone for a while.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import chain, pairwise
from pathlib import Path

import aiohttp
import structlog

from acs.observability import Metrics
from acs.security import Certificate, CertificatePath
from acs.security.revocation import (
    Crl,
    Revocation,
    crl_urls,
    ocsp_request,
    ocsp_urls,
    read_crl,
    read_crls,
    read_ocsp,
)
from acs.settings import Settings
from acs.southbound.authentication import Refused
from acs.southbound.connection_requests.guard import CallError, Guard
from acs.southbound.urls import parse_url
from acs.southbound.vendors import Vouched

__all__ = ["Revocations"]

_CACHED = 50_000
_AT_ONCE = 16  # questions to responders
_LONGEST_CRL = 32 * 1024 * 1024
_LONGEST_OCSP = 64 * 1024
_FETCHED = 64  # CRLs kept
_PAUSE = 60.0  # seconds for which "unknown" is believed, and a responder that failed is left alone
_DAY = 86400.0
_log = structlog.get_logger(__name__)


class Revocations:
    """What is known of revocations; CRL files (``*.crl``, ``*.pem``) in ``directory`` are followed."""

    def __init__(self, settings: Settings, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._settings, self._metrics, self._clock = settings, metrics, clock
        self.directory: Path = settings.data / "pki" / "crl.d"
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._files: dict[Path, tuple[Crl, ...]] = {}
        self._fetched: OrderedDict[str, tuple[Crl | None, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], Revocation] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Task[Revocation]] = {}
        self._down: dict[str, float] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._guard = Guard(settings.revocation_networks) if settings.revocation_networks else None
        self._http: aiohttp.ClientSession | None = None
        self.asked = 0
        """Questions that went out to responders and distribution points."""

    @property
    def files(self) -> dict[str, float]:
        """The CRL files by name, and until when they tell who is good, in seconds since the epoch."""
        return {path.name: min(each.next_update for each in found) for path, found in self._files.items()}

    async def refuse(self, vouched: Vouched) -> None:
        """Raise ``Refused`` where a certificate or one above it is revoked, or, with "hard", may be."""
        found = await self.check(vouched)
        self._refuse_revoked(vouched, found)
        if found.status == "unknown":
            self._metrics.revocation_unknown.inc()
            if self._settings.revocation == "hard":
                subject = vouched.certificate.subject[:100]
                text = f"it is not known whether the certificate of {subject} is revoked: {found.why}"
                raise Refused(503, "revocation-unknown", text, retry_after=60.0)

    def refuse_known(self, vouched: Vouched) -> None:
        """Raise ``Refused`` where a certificate or one above it is known to be revoked; asks nobody."""
        self._refuse_revoked(vouched, self.known(vouched))

    @staticmethod
    def _refuse_revoked(vouched: Vouched, found: Revocation) -> None:
        if found.status == "revoked":
            subject = vouched.certificate.subject[:100]
            raise Refused(403, "revoked", f"the certificate of {subject} is {found.why}")

    def known(self, vouched: Vouched) -> Revocation:
        """Return what is known now of a certificate and those above it, asking nobody."""
        if self._settings.revocation == "off":
            return Revocation("good", "revocation is not checked", 0.0)
        worst = Revocation("good", "", 0.0)
        for certificate, issuer in _pairs(vouched.path):
            found = self._of(certificate, issuer)
            if found.status == "revoked":
                return found
            worst = found if found.status == "unknown" else worst
        return worst

    def _of(self, certificate: Certificate, issuer: Certificate) -> Revocation:
        found = self._known.get((certificate.fingerprint, issuer.fingerprint))
        if found is None or (found.until <= self._clock() and found.status != "revoked"):
            return Revocation("unknown", "it was not asked yet", 0.0)
        return found

    async def check(self, vouched: Vouched) -> Revocation:
        """Return what CRLs and OCSP say of a certificate and those above it; free while it holds."""
        if self._settings.revocation == "off" or not vouched.path:
            return self.known(vouched)
        now, worst = self._clock(), Revocation("good", "", 0.0)
        for certificate, issuer in _pairs(vouched.path):
            found = self._known.get((certificate.fingerprint, issuer.fingerprint))
            if found is None or found.until <= now:
                found = await self._ask_once(certificate, issuer)
            if found.status == "revoked":
                return found
            worst = found if found.status == "unknown" else worst
        return worst

    async def _ask_once(self, certificate: Certificate, issuer: Certificate) -> Revocation:
        """Ask, unless somebody is asking this already: then wait for the same answer."""
        key = (certificate.fingerprint, issuer.fingerprint)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(certificate, issuer))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, certificate: Certificate, issuer: Certificate) -> Revocation:
        stamps = None
        while stamps is not self._stamps:  # the files changed meanwhile: what they said before is of no use
            stamps = self._stamps
            found = await self._look(certificate, issuer)
        key = (certificate.fingerprint, issuer.fingerprint)
        before = self._known.get(key)
        if before is not None and before.status == "revoked" and found.status == "unknown":
            found = Revocation("revoked", before.why, found.until)  # nobody un-revokes by not answering
        self._known[key] = found
        self._known.move_to_end(key)
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return found

    async def _look(self, certificate: Certificate, issuer: Certificate) -> Revocation:
        now = self._clock()
        # Where nobody can be asked only another file makes a difference, and that is noticed.
        pause = _PAUSE if self._guard is not None else _DAY
        unknown = Revocation("unknown", "no CRL and no OCSP responder tells about it", now + pause)
        # The newest first: a file that was put beside an older one has the last word.
        files = sorted(chain(*self._files.values()), key=lambda each: each.this_update, reverse=True)
        for crl in files:
            if crl.issuer == issuer.parsed.subject.public_bytes() and await _signed(crl, issuer):
                found = crl.tells(certificate, now=now)
                if found.status != "unknown":
                    return found
                unknown = Revocation("unknown", found.why, now + pause)
        if self._guard is None:
            return unknown
        configured = [self._settings.ocsp_responder] if self._settings.ocsp_responder else []
        sources: list[tuple[str, Callable[[str], Awaitable[Revocation]]]] = [
            (url, lambda url: self._ask_responder(url, certificate, issuer))
            for url in [*configured, *ocsp_urls(certificate)]
        ]
        sources += [
            (url, lambda url: self._ask_crl(url, certificate, issuer)) for url in crl_urls(certificate)
        ]
        for url, ask in sources:
            try:
                found = await self._patiently(url, ask)
            except (CallError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                why = str(error)[:200] or type(error).__name__
                unknown = Revocation("unknown", f"{url[:200]}: {why}", now + _PAUSE)
                continue
            if found.status != "unknown":
                return found
            unknown = Revocation("unknown", found.why, min(found.until, now + _PAUSE))
        if sources:
            _log.warning("nothing was learned of a revocation", why=unknown.why, subject=certificate.subject)
        return unknown

    async def _patiently(self, url: str, ask: Callable[[str], Awaitable[Revocation]]) -> Revocation:
        """Ask one source, unless it failed lately: a device waits for a dead responder once in a minute."""
        now = self._clock()
        if self._down.get(url, 0.0) > now:
            raise ValueError("it did not answer lately")
        try:
            async with asyncio.timeout(self._settings.revocation_timeout), self._slots:
                return await ask(url)
        except (aiohttp.ClientError, OSError, TimeoutError):
            if len(self._down) > 1000:
                self._down.clear()
            self._down[url] = now + _PAUSE
            raise

    async def _ask_responder(self, url: str, certificate: Certificate, issuer: Certificate) -> Revocation:
        nonce = os.urandom(16)
        request = ocsp_request(certificate, issuer, nonce)
        headers = {"Content-Type": "application/ocsp-request"}
        content = await self._fetch("POST", url, _LONGEST_OCSP, data=request, headers=headers)
        return read_ocsp(content, certificate, issuer, nonce, now=self._clock())

    async def _ask_crl(self, url: str, certificate: Certificate, issuer: Certificate) -> Revocation:
        now = self._clock()
        crl, until = self._fetched.get(url, (None, 0.0))
        if crl is None or until <= now:
            content = await self._fetch("GET", url, _LONGEST_CRL)
            crl = await asyncio.to_thread(read_crl, content, now=now)
            self._fetched[url] = (crl, crl.next_update)
            if len(self._fetched) > _FETCHED:
                self._fetched.popitem(last=False)
        if not await _signed(crl, issuer):
            self._fetched.pop(url, None)
            raise ValueError("its CA did not sign the CRL")
        return crl.tells(certificate, now=now)

    async def _fetch(
        self,
        method: str,
        url: str,
        limit: int,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """Fetch from an address that is allowed; no redirects. Raises ``ValueError`` for what is too much."""
        assert self._guard is not None
        parts = parse_url(url)
        if parts.scheme != "http" or not parts.raw_host:
            raise ValueError("only http is asked")
        port = parts.port or 80
        addresses = await self._guard.resolve(parts.raw_host, port)
        if self._http is None:
            # It is given addresses alone; aiohttp would choose a resolver by what else is installed.
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        self.asked += 1
        sent = {"Host": f"{parts.raw_host}:{port}" if port != 80 else parts.raw_host, **(headers or {})}
        target = parts.with_host(addresses[0])
        async with self._http.request(
            method, target, data=data, headers=sent, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise ValueError(f"the answer is HTTP {response.status}")
            content = await response.content.read(limit + 1)
            while len(content) <= limit and (more := await response.content.read(limit + 1 - len(content))):
                content += more
        if len(content) > limit:
            raise ValueError(f"it is longer than {limit} bytes")
        return content

    async def refresh(self) -> None:
        """Read the CRL files that were added or changed, forget those that are gone."""
        found = await asyncio.to_thread(_stamps, self.directory)
        if found == self._stamps:
            return
        for path in self._files.keys() - found.keys():
            del self._files[path]
        for path, stamp in found.items():
            if self._stamps.get(path) == stamp:
                continue
            try:  # whom the one before it revoked is revoked until there is another
                self._files[path] = await asyncio.to_thread(_read, path, self._clock())
            except (OSError, ValueError) as error:
                kept = "; the one before it still holds" if path in self._files else ""
                _log.error(f"a CRL can't be used{kept}", file=path.name, why=str(error))
            else:
                for crl in self._files[path]:
                    _log.info("CRL read", file=path.name, revoked=len(crl.revoked))
        self._stamps = found
        self._known.clear()  # whoever was good may be revoked now

    async def close(self) -> None:
        """End what is being asked."""
        for task in list(self._asked.values()):
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        if self._http is not None:
            await self._http.close()
        if self._guard is not None:
            self._guard.close()


def _pairs(path: CertificatePath) -> list[tuple[Certificate, Certificate]]:
    """Return each certificate with its issuer; the one that is trusted is nobody's to revoke but ours."""
    return list(pairwise(path))


async def _signed(crl: Crl, issuer: Certificate) -> bool:
    """Verify a signature; over a long CRL that takes a while."""
    return await asyncio.to_thread(crl.signed_by, issuer)


def _stamps(directory: Path) -> dict[Path, tuple[int, int]]:
    if not directory.is_dir():
        return {}
    found = {}
    for path in sorted([*directory.glob("*.crl"), *directory.glob("*.pem")]):
        status = path.stat()
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _read(path: Path, now: float) -> tuple[Crl, ...]:
    return read_crls(path.read_bytes(), now=now)
