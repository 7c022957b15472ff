"""Over which channel a session comes, and what may be done over it (S1 L54, L82)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from acs.cwmp import messages as m
from acs.distress.paths import KINDS

__all__ = [
    "DISTRESS",
    "EMERGENCY",
    "INITIAL",
    "STANDARD",
    "Channel",
    "filter_of",
    "listener_of",
    "may_ask",
    "may_send",
    "path_told",
]

Channel = str
STANDARD: Channel = "standard"
DISTRESS: Channel = "distress"
EMERGENCY: Channel = "emergency"
"""A HeNB that runs its fail-safe image, at the emergency management system."""
INITIAL: Channel = "initial"
"""A HeNB at the initial HeMS, which tells it the serving one."""

_FIRMWARE = "1 Firmware Upgrade Image"
_METHODS = (
    *(m.GetRPCMethods, m.Reboot, m.FactoryReset, m.Download, m.GetParameterValues),
    *(m.GetAllQueuedTransfers, m.GetQueuedTransfers),  # whether it got a Download that it did not answer
)
_CAME = re.compile(r"X [0-9A-F]{6} DISTRESS")
_TEST = re.compile(r"(?:Device|InternetGatewayDevice)\.SelfTestDiagnostics\.DiagnosticsState")
_ADDRESSES = re.compile(r"(?:Device|InternetGatewayDevice)\.(?:ManagementServer\.|.*\.Gateway\.)[^.]+")
_ASKED: dict[Channel, tuple[type[m.Message], ...]] = {
    DISTRESS: (m.TransferComplete, m.GetRPCMethods),
    EMERGENCY: (m.TransferComplete, m.GetRPCMethods, m.RequestDownload),
}


def may_send(message: m.Message, channel: Channel = DISTRESS) -> bool:
    """Tell whether the HeMS may send this request over ``channel``.

    A distress channel has the equivalent of a few methods; of SetParameterValues only the Emergency
    Diagnostic Test is left (S1 L54). A fail-safe image is given software and nothing else (S1 L82). An
    initial HeMS tells addresses. Whatever else waits for the device goes on waiting, for a session on the
    standard path.
    """
    match channel:
        case "distress":
            return _simplified(message)
        case "emergency":
            image = isinstance(message, m.Download) and message.file_type == _FIRMWARE
            return image or isinstance(message, m.GetRPCMethods | m.Reboot)
        case "initial":
            return _discovery(message)
        case _:
            return True


def _simplified(message: m.Message) -> bool:
    if isinstance(message, m.SetParameterValues):
        tests = [_TEST.fullmatch(each.name) and each.value == "Requested" for each in message.parameters]
        return bool(tests) and all(tests)
    return isinstance(message, _METHODS)


def _discovery(message: m.Message) -> bool:
    if isinstance(message, m.SetParameterValues):
        return all(_ADDRESSES.fullmatch(each.name) for each in message.parameters)
    return isinstance(message, m.GetRPCMethods | m.GetParameterValues | m.Reboot)


def filter_of(channel: Channel) -> Callable[[m.Message], bool] | None:
    """Return what tells whether a request may be sent over ``channel``; None where all may."""
    return None if channel == STANDARD else lambda message: may_send(message, channel)


def may_ask(message: m.Message, channel: Channel = DISTRESS) -> bool:
    """Tell whether the HeNB may call this method of the HeMS over ``channel``."""
    return channel not in _ASKED or isinstance(message, _ASKED[channel])


def path_told(events: Iterable[m.Event]) -> str:
    """Return the kind of path over which a HeNB says that it came, empty where it says none that is known."""
    return next(
        (each.command_key for each in events if _CAME.fullmatch(each.code) and each.command_key in KINDS), ""
    )


def listener_of(channel: Channel) -> Channel:
    """Return over which listener the sessions of ``channel`` come: the standard one, or that of DISTRESS."""
    return DISTRESS if channel == DISTRESS else STANDARD
