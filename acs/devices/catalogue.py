"""The catalogue of files a device may be given: software images and configuration files."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from acs.devices.audit import audit
from acs.errors import AcsError
from acs.store.tables import files

__all__ = [
    "FIRMWARE",
    "CatalogueFile",
    "add_file",
    "approve_file",
    "approved_image",
    "find_file",
    "list_files",
]

FIRMWARE = "1 Firmware Upgrade Image"


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file in the catalogue; ``size`` in bytes, ``sha256`` in hexadecimal."""

    id: int
    name: str
    file_type: str
    version: str
    product_class: str
    sha256: str
    size: int
    approved_by: str
    approved_at: float | None
    created_at: float


def add_file(
    conn: Connection,
    name: str,
    *,
    file_type: str,
    version: str,
    product_class: str,
    sha256: str,
    size: int,
    now: float,
) -> CatalogueFile:
    """Enter a file. Raises ``AcsError`` when the name is taken by other content."""
    found = find_file(conn, name)
    if found is not None:
        if found.sha256 == sha256:
            return found
        raise AcsError(f"the catalogue has another file named {name!r}; give this one a new name")
    conn.execute(
        insert(files).values(
            name=name,
            file_type=file_type,
            version=version,
            product_class=product_class,
            sha256=sha256,
            size=size,
            created_at=now,
        )
    )
    made = find_file(conn, name)
    assert made is not None
    return made


def find_file(conn: Connection, name: str) -> CatalogueFile | None:
    """Return the file of this name."""
    row = conn.execute(select(files).where(files.c.name == name)).mappings().first()
    return CatalogueFile(**row) if row else None


def approve_file(conn: Connection, name: str, *, who: str, now: float) -> CatalogueFile:
    """Release a file for use by remediation. Raises ``AcsError`` when there is none of that name."""
    if find_file(conn, name) is None:
        raise AcsError(f"the catalogue has no file named {name!r}; see: acs files list")
    conn.execute(update(files).where(files.c.name == name).values(approved_by=who, approved_at=now))
    audit(conn, who, "file approved", name, now=now)
    found = find_file(conn, name)
    assert found is not None
    return found


def approved_image(conn: Connection, product_class: str) -> CatalogueFile | None:
    """Return the software image approved last for ``product_class`` (its own before ``*``)."""
    query = (
        select(files)
        .where(
            files.c.file_type == FIRMWARE,
            files.c.approved_at.is_not(None),
            files.c.product_class.in_((product_class, "*")),
        )
        .order_by((files.c.product_class == "*"), files.c.approved_at.desc(), files.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return CatalogueFile(**row) if row else None


def list_files(conn: Connection) -> list[CatalogueFile]:
    """Return all files, by name."""
    return [CatalogueFile(**row) for row in conn.execute(select(files).order_by(files.c.name)).mappings()]
