"""``acs files uploads``: what devices sent."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Connection

from acs.cli.input import check_kind
from acs.cli.node import find_device, read, settings_of, who, write
from acs.cli.options import Config, Data, Json, Limit, Number
from acs.cli.output import console, moment, print_json, print_table, tell_limit
from acs.cli.running import run
from acs.errors import AcsError
from acs.settings import Settings

if TYPE_CHECKING:
    from acs.files import Upload

__all__ = ["uploads"]

uploads = typer.Typer(no_args_is_help=True)


@uploads.command("list")
def list_uploads(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    limit: Limit = 100,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this FileType, or PM.")] = None,
) -> None:
    """List uploads, the newest first."""
    from acs import files as fl

    def look(conn: Connection) -> list[fl.Upload]:
        wanted = find_device(conn, device).id if device else None
        found = fl.list_uploads(conn, device_id=wanted, kind=kind, limit=limit)
        if kind is not None and not found:
            check_kind(kind, fl.upload_kinds(conn), "uploads")
        return found

    found = read(settings_of(data, config), look)
    tell_limit(found, limit)
    if json:
        print_json([asdict(each) for each in found])
        return
    columns = ("id", "device", "kind", "key", "name", "bytes", "sha256", "state", "when", "why")
    rows = [
        (
            each.id,
            each.device_key,
            each.kind,
            each.command_key,
            each.name,
            each.size,
            each.sha256[:16],
            each.state,
            moment(each.changed_at),
            each.reason,
        )
        for each in found
    ]
    print_table("Uploads", columns, rows)


def _found(settings: Settings, upload: int) -> Upload:
    from acs import files as fl

    found = read(settings, lambda conn: fl.find_upload(conn, upload))
    if found is None:
        raise AcsError(f"there is no upload {upload}; see: acs files uploads list")
    return found


@uploads.command("show")
def show_upload(upload: Number, data: Data = None, config: Config = None) -> None:
    """Show an upload, as JSON."""
    print_json(asdict(_found(settings_of(data, config), upload)))


@uploads.command("fetch")
def fetch_upload(
    upload: Number,
    target: Annotated[Path, typer.Argument(help="Where to put it; a file that does not exist yet.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Copy an upload's content to a file. It is what a device sent: treat it as hostile.

    Example: acs files uploads fetch 7 henb.log
    """
    settings = settings_of(data, config)
    found = _found(settings, upload)
    if found.state != "stored":
        raise AcsError(f"upload {upload} is {found.state}: {found.reason or 'it is not whole yet'}")
    run(_copy(settings, found.storage_key, target))
    console.print(f"{target}: {found.size} bytes, SHA-256 {found.sha256}", markup=False)


@uploads.command("remove")
def remove_upload(upload: Number, data: Data = None, config: Config = None) -> None:
    """Delete an upload before its time, with its content: for example where a quota is reached."""
    from acs import files as fl

    settings = settings_of(data, config)
    found = _found(settings, upload)
    if found.state == "receiving":
        raise AcsError(f"upload {upload} is being received; wait until it is stored or broken")
    run(_delete(settings, found.storage_keys))
    write(settings, lambda conn: fl.forget_upload(conn, found, who=who(), now=time.time()))
    console.print(f"upload {upload} of {found.device_key} is removed", markup=False)


async def _delete(settings: Settings, keys: list[str]) -> None:
    from acs.files import open_storage

    storage = open_storage(settings.file_storage, settings.data)
    try:
        for key in keys:
            await storage.delete(key)
    except OSError as error:
        raise AcsError(f"can't delete the content: {error.strerror or error}") from error


async def _copy(settings: Settings, key: str, target: Path) -> None:
    from acs.files import open_storage

    storage = open_storage(settings.file_storage, settings.data)
    try:
        # Not over anything that is there, and never executable, whatever the umask.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AcsError(f"{target} exists; name a new file") from None
    except OSError as error:
        raise AcsError(f"can't make {target}: {error.strerror or error}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            async for chunk in storage.get(key):
                file.write(chunk)
    except BaseException as error:  # cancelled too: half of a file looks like one
        os.unlink(target)
        if isinstance(error, FileNotFoundError):
            raise AcsError("this node has no content of the upload; is it on another node's disk?") from error
        if isinstance(error, OSError):
            raise AcsError(f"can't copy the upload to {target}: {error.strerror or error}") from error
        raise
