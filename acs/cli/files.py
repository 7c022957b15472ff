"""``acs files``: the catalogue, whose signatures release an image, and giving a file to a device."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from sqlalchemy import Connection

from acs.cli.input import read_file
from acs.cli.node import find_device, read, require_data, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import console, print_json, print_table
from acs.cli.running import run
from acs.cli.send import Expires, Key, Wait, send, with_key
from acs.cli.uploads import uploads
from acs.errors import AcsError
from acs.settings import Settings
from acs.store import Store

__all__ = ["files"]

files = typer.Typer(no_args_is_help=True)
files.add_typer(uploads, name="uploads", help="What devices sent: list, show, fetch, remove.")

Name = Annotated[str, typer.Argument(help="Its name in the catalogue.")]
By = Annotated[
    str, typer.Option(help="Who it is that adds or approves, where that is not this account's user.")
]
T = TypeVar("T")


async def _open(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    require_data(settings)
    store = await Store.open(settings.database_url)
    try:
        return await work(store)
    finally:
        await store.close()


@files.command("list")
def list_files(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the catalogue."""
    from acs import files as fl

    found = read(settings_of(data, config), fl.list_files)
    if json:
        print_json([each.facts() for each in found])
        return
    columns = ("name", "version", "class", "bytes", "sha256", "state", "added by", "approved by")
    rows = [
        (
            each.name,
            each.version,
            each.product_class,
            each.size,
            each.sha256[:16],
            each.state,
            each.added_by,
            each.approved_by,
        )
        for each in found
    ]
    print_table("Files", columns, rows)


@files.command("show")
def show_file(name: Name, data: Data = None, config: Config = None) -> None:
    """Show all that is known of a file, as JSON: release notes, signer, who added and who approved it."""
    from acs import files as fl

    found = read(settings_of(data, config), lambda conn: fl.find_file(conn, name))
    if found is None:
        raise AcsError(f"the catalogue has no file named {name!r}; see: acs files list")
    print_json(found.facts())


@files.command("add")
def add_file(
    path: Annotated[Path, typer.Argument(help="A software image.", exists=True, dir_okay=False)],
    image_version: Annotated[
        str, typer.Option("--version", help="The SoftwareVersion a device tells when it runs it.")
    ],
    data: Data = None,
    config: Config = None,
    product_class: Annotated[str, typer.Option(help="For which ProductClass; * for all.")] = "*",
    oui: Annotated[str, typer.Option(help="For which OUI; * for all.")] = "*",
    hardware: Annotated[str, typer.Option(help="For which HardwareVersion; * for all.")] = "*",
    name: Annotated[str, typer.Option(help="Name in the catalogue (default: the file's).")] = "",
    signature: Annotated[
        Path | None, typer.Option(help="Its detached signature (default: the file beside it, with .sig).")
    ] = None,
    notes: Annotated[Path | None, typer.Option(help="A text with the release notes.")] = None,
    configuration: Annotated[
        bool, typer.Option("--configuration", help="A vendor configuration file, not an image.")
    ] = False,
    by: By = "",
) -> None:
    """Copy a file into the catalogue. It is used once a second person has approved it.

    An image needs the signature of a signer that this node trusts: acs files trust-signer. Adding it again
    with a signature completes one that had none.
    """
    from acs import files as fl

    settings = settings_of(data, config)
    beside = path.with_name(f"{path.name}.sig")
    source = signature or (beside if beside.is_file() else None)
    facts: dict[str, Any] = {
        "name": name or path.name,
        "file_type": fl.CONFIGURATION if configuration else fl.FIRMWARE,
        "version": image_version,
        "product_class": product_class,
        "oui": oui,
        "hardware": hardware,
        "who": by or who(),
        "signature": fl.read_signature(read_file(source)) if source else None,
        "release_notes": read_file(notes).decode("utf-8", "replace") if notes else "",
    }

    async def act(store: Store) -> fl.CatalogueFile:
        storage = fl.open_storage(settings.file_storage, settings.data)
        signers = fl.TrustedSigners(settings.data)
        made: fl.CatalogueFile = await fl.enter_file(store, storage, signers, path, **facts)
        return made

    made = run(_open(settings, act))
    console.print(f"{made.name}: {made.size} bytes, SHA-256 {made.sha256}", markup=False)
    if made.state == "unsigned":
        console.print(f"it has no signature; add it again with --signature {beside}", markup=False)


@files.command("approve")
def approve_file(name: Name, data: Data = None, config: Config = None, by: By = "") -> None:
    """Approve a file; not by whom it was added. Remediation loads the image approved last."""
    from acs import files as fl
    from acs.remediation import load_policy

    settings = settings_of(data, config)
    floors = load_policy(settings.policy).minimal_versions

    def act(conn: Connection) -> None:
        fl.approve_file(conn, name, who=by or who(), account=who(), minimal_versions=floors, now=time.time())

    write(settings, act)
    console.print(f"{name} is approved", markup=False)


@files.command("revoke")
def revoke_file(
    name: Name,
    reason: Annotated[str, typer.Argument(help="Why.")],
    data: Data = None,
    config: Config = None,
    by: By = "",
) -> None:
    """Take a file back, for good: no device is given it any more.

    Example: acs files revoke henb-2.0.0.img "reboots in a loop on rev-b"
    """
    from acs import files as fl

    now = time.time()
    write(
        settings_of(data, config),
        lambda conn: fl.revoke_file(conn, name, reason, who=by or who(), now=now),
    )
    console.print(f"{name} is revoked", markup=False)


@files.command("remove")
def remove_file(name: Name, data: Data = None, config: Config = None, by: By = "") -> None:
    """Remove a file that is revoked, or was never approved. Its name is free again.

    Example: acs files remove henb-1.0.0.img
    """
    from acs import files as fl

    settings = settings_of(data, config)

    async def act(store: Store) -> None:
        storage = fl.open_storage(settings.file_storage, settings.data)
        await fl.leave_out(store, storage, name, who=by or who(), now=time.time())

    run(_open(settings, act))
    console.print(f"{name} is removed", markup=False)


@files.command("send")
def send_file(
    device: DeviceKey,
    name: Name,
    data: Data = None,
    config: Config = None,
    emergency: Annotated[
        str, typer.Option(help="Why a version below the policy's floor has to be loaded.")
    ] = "",
    login: Annotated[
        bool, typer.Option("--login", help="A short URL with user name and password, for old devices.")
    ] = False,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
) -> None:
    """Have a device download a file of the catalogue that is released for it.

    Example: acs files send 0005B9-A1 henb-2.0.0.img --wait 60
    """
    from acs import devices as dev
    from acs import files as fl
    from acs.cwmp import messages as m
    from acs.remediation import load_policy

    settings = settings_of(data, config)
    require_data(settings)
    floors = load_policy(settings.policy).minimal_versions
    key, urls = with_key(key), _urls(settings)

    def act(conn: Connection) -> m.Message:
        now, found = time.time(), find_device(conn, device)
        file = fl.demand_file(conn, found, name, floors, emergency=bool(emergency))
        if emergency:
            dev.audit(conn, who(), "emergency download", device, f"{name}: {emergency}", now=now)
        lasting = max(expires, settings.file_url_lifetime)
        wanted: dict[str, Any] = {"emergency": bool(emergency), "lifetime": lasting}
        if login:
            url, username, password = urls.login(found.id, file.name, now, **wanted)
            return m.Download(key, file.file_type, url, username, password, file_size=file.size)
        url = urls.url(found.id, file.name, now, **wanted)
        return m.Download(key, file.file_type, url, file_size=file.size)

    send(device, write(settings, act), data, config, key, expires, wait, force=None)


@files.command("request")
def request_file(
    device: DeviceKey,
    file_type: Annotated[
        str,
        typer.Argument(help="FileType of TR-069, e.g. '4 Vendor Log File 1', or a vendor's 'X 0005B9 …'."),
    ],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
) -> None:
    """Have a device send a file, to a URL that works once. Then: acs files uploads list.

    Example: acs files request 0005B9-A1 "4 Vendor Log File 1" --wait 60
    """
    from acs.cwmp import messages as m

    settings = settings_of(data, config)
    require_data(settings)
    key, urls = with_key(key), _urls(settings)
    found = read(settings, lambda conn: find_device(conn, device))
    lasting = max(expires, settings.file_url_lifetime)
    url = urls.upload_url(found.id, file_type, key, time.time(), lifetime=lasting)
    send(device, m.Upload(key, file_type, url), data, config, key, expires, wait, force=None)


def _urls(settings: Settings) -> Any:
    from acs.files import FileUrls

    base = _base_url(settings)
    secrets = secrets_of(settings)
    return FileUrls(secrets.file_url_key, lambda: base, lifetime=settings.file_url_lifetime)


def _base_url(settings: Settings) -> str:
    """Return how devices reach the node. Raises ``AcsError`` where that is not known."""
    if settings.url:
        return settings.url
    try:
        return str(msgspec.json.decode((settings.data / "node.json").read_bytes())["url"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise AcsError(
            "it is not known how devices reach this node; give the setting url, or start it once: acs serve"
        ) from error


@files.command("trust-signer")
def trust_signer(
    name: Annotated[str, typer.Argument(help="What to call the signer.")],
    path: Annotated[Path, typer.Argument(help="Its public key or certificate, PEM.", exists=True)],
    data: Data = None,
    config: Config = None,
) -> None:
    """Let this key release images. On several nodes, do it on each: keys are not in the database.

    Example: acs files trust-signer vendor vendor-key.pem
    """
    from acs import devices as dev
    from acs import files as fl

    settings = settings_of(data, config)
    require_data(settings)
    signer = fl.TrustedSigners(settings.data).trust(name, read_file(path), str(path))
    now = time.time()
    write(
        settings,
        lambda conn: dev.audit(conn, who(), "signer trusted", name, signer.fingerprint, now=now),
    )
    console.print(f"{name}: {signer.algorithm}, SHA-256 {signer.fingerprint}", markup=False)


@files.command("distrust-signer")
def distrust_signer(
    name: Annotated[str, typer.Argument(help="The signer.")],
    reason: Annotated[str, typer.Argument(help="Why; for the record.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Trust a signer no longer, and revoke all that only this key had released.

    Example: acs files distrust-signer vendor "its key was stolen"
    """
    from acs import devices as dev
    from acs import files as fl

    settings = settings_of(data, config)
    require_data(settings)
    signer = fl.TrustedSigners(settings.data).distrust(name)

    def act(conn: Connection) -> list[str]:
        now = time.time()
        dev.audit(conn, who(), "signer distrusted", name, f"{signer.fingerprint}: {reason}", now=now)
        signed = fl.files_signed_by(conn, signer.fingerprint)
        because = f"the signer {name} is not trusted any more: {reason}"
        return [fl.revoke_file(conn, each.name, because, who=who(), now=now).name for each in signed]

    revoked: list[str] = write(settings, act)
    console.print(f"{name} is not trusted any more; revoked: {', '.join(revoked) or 'nothing'}", markup=False)


@files.command("signers")
def list_signers(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List the signers whose images this node gives to devices."""
    from acs import files as fl

    settings = settings_of(data, config)
    found: list[dict[str, Any]] = [
        {"name": each.name, "algorithm": each.algorithm, "sha256": each.fingerprint}
        for each in fl.TrustedSigners(settings.data).all()
    ]
    if json:
        print_json(found)
    else:
        columns = ("name", "algorithm", "sha256")
        print_table("Signers", columns, [tuple(each[c] for c in columns) for each in found])
