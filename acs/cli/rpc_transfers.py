"""``acs commands send``: RPCs that have a device fetch, send or install files (TR-069 A.3.2.8, A.4.1)."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from acs.cli.input import pair_of
from acs.cli.send import sends
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["transfers"]

transfers = typer.Typer()

FileType = Annotated[str, typer.Option("--type", help="FileType of TR-069, or a vendor's 'X 0005B9 …'.")]
User = Annotated[str, typer.Option("--username", help="For the file server.")]
Secret = Annotated[
    str, typer.Option("--password", help="For the file server; - reads it from standard input.")
]
Delay = Annotated[int, typer.Option("--delay", help="Seconds the device waits before it begins.", min=0)]


def _password(given: str) -> str:
    return sys.stdin.readline().rstrip("\r\n") if given == "-" else given


@transfers.command("download")
@sends()
def download(
    key: str,
    url: Annotated[str, typer.Argument(help="Where the device fetches the file.")],
    file_type: FileType = "1 Firmware Upgrade Image",
    size: Annotated[int, typer.Option(help="FileSize in bytes; 0: not told.", min=0)] = 0,
    target: Annotated[str, typer.Option(help="TargetFileName.")] = "",
    delay: Delay = 0,
    username: User = "",
    password: Secret = "",
) -> m.Message:
    """Download: have the device fetch a file; done when it says TransferComplete.

    Example: acs commands send download 0005B9-A1 https://files.example/henb-2.0.0.img --wait 600
    """
    return m.Download(key, file_type, url, username, _password(password), size, target, delay)


@transfers.command("schedule-download")
@sends(expires=86400)
def schedule_download(
    key: str,
    url: Annotated[str, typer.Argument(help="Where the device fetches the file.")],
    window: Annotated[
        list[str],
        typer.Option(help="START-END[:MODE] in seconds from now; one or two. MODE: '1 At Any Time', …"),
    ],
    file_type: FileType = "1 Firmware Upgrade Image",
    size: Annotated[int, typer.Option(help="FileSize in bytes; 0: not told.", min=0)] = 0,
    target: Annotated[str, typer.Option(help="TargetFileName.")] = "",
    user_message: Annotated[str, typer.Option(help="UserMessage, for '4 Confirmation Needed'.")] = "",
    username: User = "",
    password: Secret = "",
) -> m.Message:
    """ScheduleDownload: fetch a file within time windows (CWMP 1.2).

    Example: acs commands send schedule-download 0005B9-A1 https://files.example/henb.img --window 0-3600
    """
    windows = tuple(_window(each, user_message) for each in window)
    return m.ScheduleDownload(key, file_type, url, username, _password(password), size, target, windows)


def _window(text: str, user_message: str) -> m.TimeWindow:
    span, _, mode = text.partition(":")
    start, dash, end = span.partition("-")
    if not dash or not start.isdecimal() or not end.isdecimal():
        raise AcsError(f"the window {text!r} is not of the form START-END[:MODE], for example 0-3600")
    return m.TimeWindow(int(start), int(end), mode or "2 Immediately", user_message)


@transfers.command("upload")
@sends()
def upload(
    key: str,
    url: Annotated[str, typer.Argument(help="Where the device puts the file.")],
    file_type: FileType = "4 Vendor Log File 1",
    delay: Delay = 0,
    username: User = "",
    password: Secret = "",
) -> m.Message:
    """Upload: have the device send a file; done when it says TransferComplete.

    Example: acs commands send upload 0005B9-A1 https://files.example/log --type '4 Vendor Log File 1'
    """
    return m.Upload(key, file_type, url, username, _password(password), delay)


@transfers.command("cancel-transfer")
@sends()
def cancel_transfer(
    transfer: Annotated[str, typer.Argument(help="CommandKey of the transfer, see queued-transfers.")],
) -> m.Message:
    """CancelTransfer: withdraw a file transfer that the device has not finished (CWMP 1.2).

    Example: acs commands send cancel-transfer 0005B9-A1 op-0123456789abcdef --wait 30
    """
    return m.CancelTransfer(transfer)


@transfers.command("queued-transfers")
@sends()
def queued_transfers(
    mine: Annotated[
        bool, typer.Option("--mine", help="GetQueuedTransfers: only those an ACS asked for.")
    ] = False,
) -> m.Message:
    """GetAllQueuedTransfers: the file transfers that the device has in hand (CWMP 1.1).

    Example: acs commands send queued-transfers 0005B9-A1 --wait 30
    """
    return m.GetQueuedTransfers() if mine else m.GetAllQueuedTransfers()


@transfers.command("change-du-state")
@sends()
def change_du_state(
    key: str,
    install: Annotated[list[str] | None, typer.Option(help="URL[,uuid=…][,env=…] to install.")] = None,
    update: Annotated[list[str] | None, typer.Option(help="UUID[,url=…][,version=…] to update.")] = None,
    uninstall: Annotated[list[str] | None, typer.Option(help="UUID[,version=…] to remove.")] = None,
) -> m.Message:
    """ChangeDUState: install, update and remove deployment units; done at DUStateChangeComplete (CWMP 1.2).

    Example: acs commands send change-du-state 0005B9-A1 --install https://files.example/unit.tar --wait 120
    """
    operations: list[Any] = []
    for text in install or []:
        head, more = _details(text, "uuid", "env")
        uuid, env = more.get("uuid", ""), more.get("env", "")
        operations.append(m.InstallOperation(head, uuid, execution_env_ref=env))
    for text in update or []:
        head, more = _details(text, "url", "version")
        operations.append(m.UpdateOperation(head, more.get("version", ""), more.get("url", "")))
    for text in uninstall or []:
        head, more = _details(text, "version", "env")
        operations.append(m.UninstallOperation(head, more.get("version", ""), more.get("env", "")))
    return m.ChangeDUState(key, tuple(operations))


def _details(text: str, *known: str) -> tuple[str, dict[str, str]]:
    head, *rest = text.split(",")
    pairs = dict(pair_of(each, "name=value") for each in rest)
    strange = pairs.keys() - set(known)
    if strange:
        raise AcsError(f"{text!r}: {', '.join(sorted(strange))} is unknown; use {' or '.join(known)}")
    return head, pairs
