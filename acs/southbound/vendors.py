"""Which vendor CAs are trusted now, and what they vouch for: followed while the node runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from acs.errors import AcsError
from acs.security import (
    Certificate,
    CertificatePath,
    Scope,
    find_path,
    fingerprint_of,
    load_pem,
    may_issue,
    read_scope,
)
from acs.security.scope import scope_path
from acs.settings import Settings

__all__ = ["VendorCA", "Vendors", "Vouched", "vendor_files"]

_log = structlog.get_logger(__name__)
_CACHED = 50_000  # certificates of devices; about 1 kB each
_INTERMEDIATES = 500


@dataclass(frozen=True, slots=True)
class VendorCA:
    """A PEM file of CA certificates that may vouch for the devices in its scope."""

    file: Path
    certificates: tuple[Certificate, ...]
    scope: Scope


@dataclass(frozen=True, slots=True)
class Vouched:
    """A device's certificate, the path to the CA that vouches for it, and the scopes of the CAs on that path.

    ``path`` is empty where no trusted CA vouches for it (any more).
    """

    certificate: Certificate
    path: CertificatePath = ()
    scopes: tuple[Scope, ...] = ()

    @property
    def fail_safe(self) -> bool:
        """Whether it is the credential of a fail-safe image."""
        return any(each.fail_safe for each in self.scopes)

    def refusal(self, oui: str, name: str, product_class: str) -> str:
        """Return why the CA may not vouch for such a device; empty: it may."""
        found = [each.refusal(oui, name, product_class) for each in self.scopes]
        return "" if "" in found else next(iter(found), "no trusted CA vouches for it")


def vendor_files(settings: Settings) -> list[Path]:
    """Return the PEM files of vendor CAs that are trusted to vouch for devices."""
    directory = settings.vendor_directory
    found = sorted(directory.glob("*.pem")) if directory.is_dir() else []
    return [*settings.device_ca, *found]


def load_vendor(path: Path) -> VendorCA:
    """Read a CA and its scope. Raises ``AcsError`` naming the file and what is wrong with it."""
    try:
        certificates = load_pem(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AcsError(f"can't trust the vendor CA {path}: {error}") from error
    for each in certificates:
        if not may_issue(each.parsed):
            raise AcsError(f"can't trust the vendor CA {path}: {each.subject} is no CA's certificate")
    return VendorCA(path, certificates, read_scope(path))


class Vendors:
    """The CAs that are trusted, and the certificates they vouched for, as far as those were seen.

    ``changed`` is called with the CAs whenever they are others than before.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        self._seen: dict[Path, tuple[tuple[int, int], ...]] = {}
        self._cas: dict[Path, VendorCA] = {}
        self._trusted: dict[str, Certificate] = {}
        self._vouched: OrderedDict[str, Vouched] = OrderedDict()
        self._intermediates: OrderedDict[str, Certificate] = OrderedDict()
        self.changed: Callable[[Sequence[VendorCA]], None] = lambda _: None

    @property
    def cas(self) -> list[VendorCA]:
        """The CAs that are trusted now."""
        return list(self._cas.values())

    def refresh(self, *, strict: bool = False) -> bool:
        """Read what was added, changed or removed since; tell whether the trusted CAs changed.

        A file that can't be used is not trusted: that is logged once, or raised as ``AcsError`` where
        ``strict``.
        """
        files = vendor_files(self._settings)
        seen = {path: _stamp(path) for path in files}
        if seen == self._seen:
            return False
        before, self._cas = self._cas, {}
        for path in files:
            if path in before and seen[path] == self._seen.get(path):
                self._cas[path] = before[path]
                continue
            if seen[path] == self._seen.get(path):
                continue  # it was no good before
            try:
                self._cas[path] = load_vendor(path)
            except AcsError as error:
                if strict and path in self._settings.device_ca:
                    raise
                _log.error("a vendor CA is not trusted", why=str(error))
            else:
                _tell_added(self._cas[path])
        for path in before.keys() - self._cas.keys():
            _log.warning("a vendor CA is not trusted any more", file=path.name)
        self._seen = seen
        if self._cas == before:
            return False
        self._trusted = {each.fingerprint: each for ca in self._cas.values() for each in ca.certificates}
        self._vouched.clear()
        self.changed(self.cas)
        return True

    def vouch(self, der: bytes, sent: Callable[[], Iterable[bytes]]) -> Vouched | None:
        """Return who vouches now for the certificate ``der``; None where it can't be parsed.

        ``sent`` gives what else the device sent in the handshake, asked for only when it is needed.
        """
        fingerprint = fingerprint_of(der)
        found = self._vouched.get(fingerprint)
        if found is None:
            found = self._find(der, sent)
            if found is None:
                return None
            self._vouched[fingerprint] = found
            if len(self._vouched) > _CACHED:
                self._vouched.popitem(last=False)
        elif found.path and min(each.not_after for each in found.path) < self._clock():
            found = Vouched(found.certificate)
        return found

    def _find(self, der: bytes, sent: Callable[[], Iterable[bytes]]) -> Vouched | None:
        try:
            leaf = Certificate.parse(der)
            others = [Certificate.parse(each) for each in list(sent())[:8] if each != der]
        except ValueError:
            return None
        # A resumed connection shows the device's own certificate alone.
        path = find_path(leaf, [*self._intermediates.values(), *others], self._trusted, now=self._clock())
        if path is None:
            return Vouched(leaf)
        for each in path[1:-1]:
            self._intermediates[each.fingerprint] = each
            if len(self._intermediates) > _INTERMEDIATES:
                self._intermediates.popitem(last=False)
        on_path = {each.fingerprint for each in path[1:]}
        scopes = tuple(
            ca.scope
            for ca in self._cas.values()
            if any(each.fingerprint in on_path for each in ca.certificates)
        )
        return Vouched(leaf, path, scopes)


def _tell_added(ca: VendorCA) -> None:
    subject = ca.certificates[0].subject
    _log.info("vendor CA trusted", file=ca.file.name, subject=subject, scope=str(ca.scope))
    if ca.scope.unscoped:
        _log.warning("this vendor CA may vouch for the devices of every vendor", subject=subject)


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """Tell a file and its scope from what they were before."""
    found = []
    for each in (path, scope_path(path)):
        try:
            status = each.stat()
        except OSError:
            found.append((0, 0))
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)
