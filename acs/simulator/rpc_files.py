"""The CPE's side of file transfers (TR-069 A.3.2.8, A.4.1.1, A.4.1.5, A.4.1.7 to A.4.1.9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from acs.cwmp import messages as m
from acs.simulator.cpe import Cpe
from acs.simulator.transfer import MOST, Transfer

__all__ = ["CONFIGURATION", "FILE_HANDLERS", "FIRMWARE", "LOG"]

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"
LOG = "4 Vendor Log File"
_UPLOADS = re.compile(r"(?:[13] Vendor Configuration File|[24] Vendor Log File)(?: \d+)?\Z")
_FULL = m.Fault(9004, f"{MOST} transfers are queued already")


def _download(henb: Cpe, request: m.Download, now: float) -> m.Message:
    if request.file_type not in (FIRMWARE, CONFIGURATION):
        return m.Fault(9003, f"FileType {request.file_type[:64]} is not supported")
    if request.url.partition(":")[0] not in ("http", "https"):
        return m.Fault(9013, f"{request.url[:64]} is of no protocol the device knows")
    transfer = _transfer(request, "Download", now + request.delay_seconds)
    transfer.file_size, transfer.target_file_name = request.file_size, request.target_file_name
    return m.DownloadResponse(1) if henb.transfers.add(transfer) else _FULL


def _transfer(request: Any, method: str, due_at: float) -> Transfer:
    return Transfer(
        request.command_key,
        request.url,
        request.file_type,
        method,
        due_at,
        username=request.username,
        password=request.password,
    )


def _schedule_download(henb: Cpe, request: m.ScheduleDownload, now: float) -> m.Message:
    if request.file_type not in (FIRMWARE, CONFIGURATION):
        return m.Fault(9003, f"FileType {request.file_type[:64]} is not supported")
    windows = request.time_windows
    spans = tuple((now + each.window_start, now + each.window_end) for each in windows)
    overlapping = len(spans) == 2 and spans[1][0] < spans[0][1]
    if not 1 <= len(spans) <= 2 or overlapping or any(start >= end for start, end in spans):
        return m.Fault(9003, "one or two time windows are allowed, the second after the first")
    transfer = _transfer(request, "ScheduleDownload", spans[0][0])
    transfer.windows, transfer.retries = spans, windows[0].max_retries
    transfer.file_size, transfer.target_file_name = request.file_size, request.target_file_name
    return m.ScheduleDownloadResponse() if henb.transfers.add(transfer) else _FULL


def _upload(henb: Cpe, request: m.Upload, now: float) -> m.Message:
    if not _UPLOADS.match(request.file_type):
        return m.Fault(9003, f"FileType {request.file_type[:64]} is not supported")
    if request.url.partition(":")[0] not in ("http", "https"):
        return m.Fault(9013, f"{request.url[:64]} is of no protocol the device knows")
    transfer = _transfer(request, "Upload", now + request.delay_seconds)
    return m.UploadResponse(1) if henb.transfers.add(transfer) else _FULL


def _cancel(henb: Cpe, request: m.CancelTransfer, now: float) -> m.Message:
    if not henb.transfers.cancel(request.command_key):
        return m.Fault(9021, "the transfer runs already")
    return m.CancelTransferResponse()


def _all_queued(henb: Cpe, request: m.GetAllQueuedTransfers, now: float) -> m.GetAllQueuedTransfersResponse:
    done = [
        m.QueuedTransfer(each.command_key, 3, is_download=True)
        for each in henb.outgoing
        if isinstance(each, m.TransferComplete)
    ]
    return m.GetAllQueuedTransfersResponse((*(each.queued() for each in henb.transfers), *done))


def _queued(henb: Cpe, request: m.GetQueuedTransfers, now: float) -> m.Message:
    found = _all_queued(henb, m.GetAllQueuedTransfers(), now).transfers
    return m.GetQueuedTransfersResponse(
        tuple(m.QueuedTransfer(each.command_key, each.state) for each in found)
    )


FILE_HANDLERS: dict[type, Callable[[Cpe, Any, float], m.Message]] = {
    m.Download: _download,
    m.ScheduleDownload: _schedule_download,
    m.Upload: _upload,
    m.CancelTransfer: _cancel,
    m.GetAllQueuedTransfers: _all_queued,
    m.GetQueuedTransfers: _queued,
}
