"""What a device calls on the ACS beside Inform, and what is done about it (TR-069 A.3.3, A.4.2)."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs import files as fl
from acs import remediation as rm
from acs.commands import Command
from acs.cwmp import messages as m
from acs.devices import Device
from acs.distress import EMERGENCY
from acs.errors import AcsError

__all__ = ["handle_request"]

_TRANSFERS = ("Download", "ScheduleDownload")
_MOST_DETAIL = 1000  # characters of what a device told, in the audit
_MOST_NOTED = 20  # different ones of each kind, of one device in an hour
_log = structlog.get_logger(__name__)


def handle_request(
    conn: Connection, device: Device, epoch: int, request: m.Message, *, env: rm.Environment, now: float
) -> list[Command]:
    """Do what a request of the device means; return the commands that it settled.

    TransferComplete and DUStateChangeComplete end a command. What ended that no command waits for, and what
    happened without the ACS asking, is kept in the audit. A RequestDownload is granted where the catalogue
    has a file for the device.
    """
    match request:
        case m.TransferComplete():
            settled = cm.transfer_complete(conn, device.id, request, now=now)
            _note_unasked(conn, device, request, settled, now=now)
            return settled
        case m.DUStateChangeComplete():
            settled = cm.du_state_change_complete(conn, device.id, request, now=now)
            _note_unasked(conn, device, request, settled, now=now)
            return settled
        case m.AutonomousTransferComplete() | m.AutonomousDUStateChangeComplete():
            _note(conn, device, request, str(request), now=now)
        case m.RequestDownload() if device.channel == EMERGENCY:
            done = "it is given software alone"
            if request.file_type == fl.FIRMWARE:
                done = rm.image_requested(conn, device, env=env, now=now)
            _note(conn, device, request, f"in emergency remediation: {done}", now=now)
        case m.RequestDownload():
            granted = _grant(conn, device, epoch, request, env=env, now=now)
            _note(conn, device, request, f"{request}: {granted}", now=now)
        case _:
            pass  # GetRPCMethods and Kicked ask for an answer and nothing else
    return []


def _note(conn: Connection, device: Device, request: m.Message, detail: str, *, now: float) -> None:
    name = m.method_name(request)
    text = detail[:_MOST_DETAIL]
    if not dev.audit_seldom(conn, "device", name, device.device_key, text, now=now, most=_MOST_NOTED):
        _log.info("what a device told is in the audit, or too much", device=device.device_key, told=text)


def _note_unasked(
    conn: Connection,
    device: Device,
    request: m.TransferComplete | m.DUStateChangeComplete,
    settled: list[Command],
    *,
    now: float,
) -> None:
    """Keep the end of something that no command waits for: given up, withdrawn, or never asked for."""
    if not settled and not cm.is_repeated(conn, device.id, request):
        _note(conn, device, request, f"{request}: no command waits for it", now=now)


def _grant(
    conn: Connection,
    device: Device,
    epoch: int,
    request: m.RequestDownload,
    *,
    env: rm.Environment,
    now: float,
) -> str:
    """Queue the Download a device asked for, if there is something for it; return what was decided.

    The device's words never choose the file: the type of it is all that is taken from them. One request at a
    time is granted, so that a device which asks without end is given one file, not a queue of them.
    """
    if device.blocked:
        return "refused, the device is blocked"
    if any(each.method in _TRANSFERS for each in cm.open_commands(conn, device.id)):
        return "nothing new, a transfer is under way"
    floors = env.policy.minimal_versions
    file = fl.approved_image(conn, device, floors, file_type=request.file_type)
    if file is None:
        return "nothing, the catalogue has no approved file of this type for the device"
    if file.file_type == fl.FIRMWARE and file.version == device.software_version:
        return f"nothing, the device runs {file.version} already"
    key = f"r{device.id}-{epoch}"
    try:
        url = env.file_url(device.id, file.name, now)
    except AcsError as error:
        return f"nothing, {error}"
    download = m.Download(key, file.file_type, url, file_size=file.size)
    cm.enqueue(conn, device.id, download, command_key=key, purpose="request-download", now=now)
    return f"granted, {file.name}"
