"""The catalogue of files that devices may be given: software images and configurations, and their release.

A software image is given to a device only when a trusted signer signed it, a second person approved it,
it was not revoked, it is for that hardware, and its version is not below the policy's floor. All of that
is asked when a playbook chooses an image, when a Download is made, and again when the device fetches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, delete, insert, select, update

from acs.devices import Device, audit
from acs.errors import AcsError
from acs.files.versions import floor_of, is_below
from acs.store.tables import files

__all__ = [
    "CONFIGURATION",
    "FIRMWARE",
    "CatalogueFile",
    "add_file",
    "approve_file",
    "approved_image",
    "demand_file",
    "files_signed_by",
    "find_file",
    "is_catalogued",
    "list_files",
    "remove_file",
    "revoke_file",
    "why_not",
]

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"
_LONGEST = {"version": 64, "product_class": 64, "hardware": 64, "release_notes": 20_000}
_LONGEST_NAME = 48  # characters in a URL: it stands there twice, and 256 are all that a Download may carry


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file in the catalogue; ``size`` in bytes, ``sha256`` in hexadecimal, ``*`` fits everything.

    ``signer`` is the fingerprint of the key whose ``signature`` was verified; empty: nobody's was.
    """

    id: int
    name: str
    file_type: str
    version: str
    product_class: str
    oui: str
    hardware: str
    sha256: str
    size: int
    release_notes: str
    signature: bytes | None
    signer: str
    added_by: str
    created_at: float
    approved_by: str
    approved_at: float | None
    revoked_by: str
    revoked_at: float | None
    revoked_because: str

    @property
    def state(self) -> str:
        """``revoked``, ``approved``, ``unsigned`` (an image that can't be approved yet) or ``waiting``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.approved_at is not None:
            return "approved"
        return "unsigned" if self.file_type == FIRMWARE and not self.signer else "waiting"

    def facts(self) -> dict[str, Any]:
        """Return what people may be shown of it."""
        shown = asdict(self)
        del shown["signature"]
        return {**shown, "state": self.state}


def add_file(
    conn: Connection,
    name: str,
    *,
    file_type: str,
    version: str,
    sha256: str,
    size: int,
    who: str,
    now: float,
    product_class: str = "*",
    oui: str = "*",
    hardware: str = "*",
    release_notes: str = "",
    signature: bytes | None = None,
    signer: str = "",
) -> CatalogueFile:
    """Enter a file; adding it again with a signature completes one that had none.

    ``signature`` was verified as that of ``signer``. Raises ``AcsError`` when the name is taken by something
    else, or a field is too long.
    """
    facts = {
        "file_type": file_type,
        "version": version,
        "product_class": product_class,
        "oui": oui.upper(),
        "hardware": hardware,
        "sha256": sha256,
        "size": size,
    }
    _check({"name": name, "release_notes": release_notes, **facts})
    found = find_file(conn, name)
    signed = {"signature": signature, "signer": signer}
    if found is None:
        made = {**facts, **signed, "name": name, "release_notes": release_notes, "added_by": who}
        conn.execute(insert(files).values(**made, created_at=now))
        audit(conn, who, "file added", name, f"{version} SHA-256 {sha256} signer {signer or 'none'}", now=now)
    elif any(getattr(found, each) != value for each, value in facts.items()):
        raise AcsError(f"the catalogue has another file named {name!r}; give this one a new name")
    elif signer and not found.signer:
        conn.execute(update(files).where(files.c.id == found.id).values(**signed))
        audit(conn, who, "file signed", name, f"SHA-256 {sha256} signer {signer}", now=now)
    return _get(conn, name)


def _check(facts: Mapping[str, Any]) -> None:
    for field, longest in _LONGEST.items():
        if len(facts[field]) > longest:
            raise AcsError(f"the {field} has {len(facts[field])} characters; {longest} are allowed")
    if not facts["name"] or not facts["name"].isprintable():
        raise AcsError(f"{facts['name']!r} can't be the name of a file")
    if (length := len(quote(facts["name"], safe=""))) > _LONGEST_NAME:
        raise AcsError(
            f"the name {facts['name'][:100]!r} has {length} characters in a URL; {_LONGEST_NAME} are"
            " allowed, as devices take no longer URLs: give another one with --name"
        )
    if facts["file_type"] == FIRMWARE and not facts["version"].strip():
        raise AcsError("a software image needs the SoftwareVersion that a device tells when it runs it")


def find_file(conn: Connection, name: str) -> CatalogueFile | None:
    """Return the file of this name."""
    row = conn.execute(select(files).where(files.c.name == name)).mappings().first()
    return CatalogueFile(**row) if row else None


def _get(conn: Connection, name: str) -> CatalogueFile:
    found = find_file(conn, name)
    if found is None:
        raise AcsError(f"the catalogue has no file named {name!r}; see: acs files list")
    return found


def approve_file(
    conn: Connection,
    name: str,
    *,
    who: str,
    now: float,
    account: str = "",
    minimal_versions: Mapping[str, str] | None = None,
) -> CatalogueFile:
    """Release a file for use. ``minimal_versions``: the floors of the policy.

    ``account``: under which ``who`` acts, for the audit.

    Raises ``AcsError`` when there is none of that name, ``who`` added it, it is revoked, or it is an image
    that nobody signed or that is below the floor.
    """
    found = _get(conn, name)
    if _same_person(found.added_by, who):
        raise AcsError(f"{found.added_by} added {name!r}; a second person has to approve it (--by)")
    if found.revoked_at is not None:
        raise AcsError(f"{name!r} was revoked by {found.revoked_by}: {found.revoked_because}")
    if found.file_type == FIRMWARE:
        if not found.signer:
            raise AcsError(f"{name!r} has no signature of a trusted signer; add it again with --signature")
        below = _below(found, minimal_versions or {}, found.product_class)
        if below:
            raise AcsError(below)
    conn.execute(update(files).where(files.c.id == found.id).values(approved_by=who, approved_at=now))
    audit(conn, who, "file approved", name, f"SHA-256 {found.sha256} {account}".rstrip(), now=now)
    return _get(conn, name)


def _same_person(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def revoke_file(conn: Connection, name: str, reason: str, *, who: str, now: float) -> CatalogueFile:
    """Take a file back for good: no device is given it any more. Raises ``AcsError`` when there is none."""
    found = _get(conn, name)
    if found.revoked_at is None:
        revoked = {"revoked_by": who, "revoked_at": now, "revoked_because": reason}
        conn.execute(update(files).where(files.c.id == found.id).values(**revoked))
        audit(conn, who, "file revoked", name, reason, now=now)
    return _get(conn, name)


def remove_file(conn: Connection, name: str, *, who: str, now: float) -> CatalogueFile:
    """Remove a file that no device may be given: the name is free again, the audit keeps what it was.

    Raises ``AcsError`` when there is none, or it is approved and not revoked.
    """
    found = _get(conn, name)
    if found.state == "approved":
        raise AcsError(f"{name!r} is approved; revoke it first: acs files revoke {name} REASON")
    conn.execute(delete(files).where(files.c.id == found.id))
    audit(conn, who, "file removed", name, f"{found.version} SHA-256 {found.sha256} {found.state}", now=now)
    return found


def is_catalogued(conn: Connection, sha256: str) -> bool:
    """Tell whether some file has this content."""
    return conn.execute(select(files.c.id).where(files.c.sha256 == sha256).limit(1)).first() is not None


def _below(file: CatalogueFile, minimal_versions: Mapping[str, str], product_class: str) -> str:
    floor = floor_of(minimal_versions, product_class)
    if file.file_type != FIRMWARE or not is_below(file.version, floor):
        return ""
    return (
        f"{file.name!r} is version {file.version}, below the policy's floor {floor} for"
        f" {product_class or '*'}; going back that far would bring known weaknesses back"
    )


def why_not(
    file: CatalogueFile, device: Device, minimal_versions: Mapping[str, str], *, emergency: bool = False
) -> str:
    """Return why ``device`` may not be given ``file``; empty: it may. ``emergency`` lifts the floor alone."""
    if file.revoked_at is not None:
        return f"{file.name!r} was revoked: {file.revoked_because}"
    if file.file_type == FIRMWARE and not file.signer:
        return f"{file.name!r} has no signature of a trusted signer"
    if file.approved_at is None:
        return f"{file.name!r} is not approved"
    for field, of_device in (
        ("product_class", device.product_class),
        ("oui", device.oui),
        ("hardware", device.hardware_version),
    ):
        wanted = getattr(file, field)
        if wanted not in ("*", of_device):
            return f"{file.name!r} is for {field} {wanted}, the device has {of_device or 'told none'}"
    return "" if emergency else _below(file, minimal_versions, device.product_class)


def demand_file(
    conn: Connection,
    device: Device,
    name: str,
    minimal_versions: Mapping[str, str],
    *,
    emergency: bool = False,
) -> CatalogueFile:
    """Return a file that ``device`` may be given now. Raises ``AcsError`` that says why it may not."""
    found = _get(conn, name)
    reason = why_not(found, device, minimal_versions, emergency=emergency)
    if reason:
        raise AcsError(f"{device.device_key} can't be given a file: {reason}")
    return found


def approved_image(
    conn: Connection, device: Device, minimal_versions: Mapping[str, str], *, file_type: str = FIRMWARE
) -> CatalogueFile | None:
    """Return the software image approved last that ``device`` may be given (its class's own before ``*``).

    Another ``file_type`` of TR-069 asks for a file of that type.
    """
    query = (
        select(files)
        .where(
            files.c.file_type == file_type,
            files.c.approved_at.is_not(None),
            files.c.revoked_at.is_(None),
            files.c.product_class.in_((device.product_class, "*")),
        )
        .order_by((files.c.product_class == "*"), files.c.approved_at.desc(), files.c.id.desc())
    )
    found = (CatalogueFile(**row) for row in conn.execute(query).mappings())
    return next((each for each in found if not why_not(each, device, minimal_versions)), None)


def files_signed_by(conn: Connection, fingerprint: str) -> list[CatalogueFile]:
    """Return the files that count as signed by this key and are not revoked."""
    query = select(files).where(files.c.signer == fingerprint, files.c.revoked_at.is_(None))
    return [CatalogueFile(**row) for row in conn.execute(query.order_by(files.c.name)).mappings()]


def list_files(conn: Connection) -> list[CatalogueFile]:
    """Return all files, by name."""
    return [CatalogueFile(**row) for row in conn.execute(select(files).order_by(files.c.name)).mappings()]
