"""The structures that CWMP messages are made of (TR-069 A.2, A.3).

All of them are frozen: a message is a fact about what was said on the wire.
Values keep the *raw text* the device sent together with its declared type;
they are converted where they are used, never at the border.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BULK_DATA_PASSWORD",
    "CONNECTION_REQUEST_PASSWORD",
    "DEVICE_KEY",
    "PLACEHOLDER_MARK",
    "SEALED_PLACEHOLDER",
    "SECRET_PLACEHOLDER",
    "STUN_PASSWORD",
    "UNKNOWN_TIME",
    "DeviceId",
    "Event",
    "FaultStruct",
    "OptionStruct",
    "ParameterAttribute",
    "ParameterInfo",
    "ParameterValue",
    "QueuedTransfer",
    "SetParameterAttribute",
    "SetParameterValuesFault",
    "TimeWindow",
]

UNKNOWN_TIME = "0001-01-01T00:00:00Z"
"""The dateTime that stands for "not known" (TR-106 3.2)."""


@dataclass(frozen=True, slots=True)
class DeviceId:
    """Who a CPE says it is (TR-069 A.3.3.1, DeviceIdStruct)."""

    manufacturer: str
    oui: str
    product_class: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of an Inform's event list (EventStruct, TR-069 3.7.1.5).

    ``code`` is the raw event code text, for example ``"4 VALUE CHANGE"``;
    ``command_key`` is at most 32 characters.
    """

    code: str
    command_key: str = ""


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter's full path, raw value text and declared XML Schema type."""

    name: str
    value: str
    type: str = "xsd:string"


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One line of GetParameterNamesResponse (TR-069 A.3.2.3)."""

    name: str
    writable: bool


@dataclass(frozen=True, slots=True)
class ParameterAttribute:
    """One line of GetParameterAttributesResponse (TR-069 A.3.2.5).

    ``notification`` is 0 off, 1 passive, 2 active, 3 passive lightweight,
    4 passive + passive lightweight, 5 active lightweight, 6 passive + active lightweight.
    """

    name: str
    notification: int
    access_list: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetParameterAttribute:
    """One request line of SetParameterAttributes (TR-069 A.3.2.4).

    ``notification`` or ``access_list`` of ``None`` leaves that attribute unchanged.
    """

    name: str
    notification: int | None = None
    access_list: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FaultStruct:
    """The outcome of a transfer or deployment-unit operation; code 0 is success."""

    code: int = 0
    string: str = ""


@dataclass(frozen=True, slots=True)
class SetParameterValuesFault:
    """Why one parameter of a SetParameterValues was refused (TR-069 A.5)."""

    parameter_name: str
    code: int
    string: str


@dataclass(frozen=True, slots=True)
class QueuedTransfer:
    """A transfer that the CPE has queued (A.3.2.? GetQueuedTransfers, GetAllQueuedTransfers).

    ``state`` is 1 not yet started, 2 in progress, 3 completed, finishing cleanup.
    The last four are known for GetAllQueuedTransfers only.
    """

    command_key: str
    state: int
    is_download: bool | None = None
    file_type: str = ""
    file_size: int = 0
    target_file_name: str = ""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A window of ScheduleDownload (TimeWindowStruct); start and end in seconds from receipt."""

    window_start: int
    window_end: int
    window_mode: str
    user_message: str = ""
    max_retries: int = -1


@dataclass(frozen=True, slots=True)
class OptionStruct:
    """One option of GetOptionsResponse (deprecated, TR-069 A.4.1.2)."""

    option_name: str
    voucher_sn: int
    state: int
    mode: int
    start_date: str
    expiration_date: str
    is_transferable: bool


PLACEHOLDER_MARK = "\N{BULLET}"
"""Begins every placeholder; no value that comes from outside may have it."""
SECRET_PLACEHOLDER = "\N{BULLET}secret:"  # noqa: S105 - a placeholder
"""Begins a value in a stored SetParameterValues: the secret named after it is put in as it is sent."""
SEALED_PLACEHOLDER = "\N{BULLET}sealed:"
"""Begins a secret that somebody put into a request that is stored: sealed, and opened as it is sent."""
CONNECTION_REQUEST_PASSWORD = "\N{BULLET}connection-request-password"  # noqa: S105 - a placeholder
"""Stands in a stored SetParameterValues for the device's own secret, which is put in as it is sent."""
STUN_PASSWORD = "\N{BULLET}stun-password"  # noqa: S105 - a placeholder
"""As CONNECTION_REQUEST_PASSWORD, for STUNPassword."""
DEVICE_KEY = "\N{BULLET}device-key"
"""Stands for the key under which the ACS knows the device, its STUNUsername for example."""

BULK_DATA_PASSWORD = "\N{BULLET}bulk-data-password"  # noqa: S105 - a placeholder
"""Likewise for the password with which the device delivers its bulk data."""
