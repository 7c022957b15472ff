"""Methods that the ACS calls on a CPE, and the CPE's answers (TR-069 A.3.1, A.3.2, A.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from acs.cwmp.messages.types import (
    UNKNOWN_TIME,
    OptionStruct,
    ParameterAttribute,
    ParameterInfo,
    ParameterValue,
    QueuedTransfer,
    SetParameterAttribute,
    TimeWindow,
)


@dataclass(frozen=True, slots=True)
class GetRPCMethods:
    """Ask the other side which methods it knows (A.3.1.1). Both sides may call it."""


@dataclass(frozen=True, slots=True)
class GetRPCMethodsResponse:
    """The names of the methods supported."""

    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetParameterValues:
    """Set parameters atomically (A.3.2.1); ``parameter_key`` is at most 32 characters."""

    parameters: tuple[ParameterValue, ...]
    parameter_key: str = ""


@dataclass(frozen=True, slots=True)
class SetParameterValuesResponse:
    """``status`` 0: applied; 1: committed, will be applied later (for example after a reboot)."""

    status: int = 0


@dataclass(frozen=True, slots=True)
class GetParameterValues:
    """Read parameters; a name that ends with "." is a partial path (A.3.2.2)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetParameterValuesResponse:
    """The values read."""

    parameters: tuple[ParameterValue, ...] = ()


@dataclass(frozen=True, slots=True)
class GetParameterNames:
    """List parameters below a path (A.3.2.3)."""

    path: str
    next_level: bool


@dataclass(frozen=True, slots=True)
class GetParameterNamesResponse:
    """The names found."""

    parameters: tuple[ParameterInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class SetParameterAttributes:
    """Set notification and access list (A.3.2.4)."""

    parameters: tuple[SetParameterAttribute, ...]


@dataclass(frozen=True, slots=True)
class SetParameterAttributesResponse:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class GetParameterAttributes:
    """Read attributes (A.3.2.5)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetParameterAttributesResponse:
    """The attributes read."""

    parameters: tuple[ParameterAttribute, ...] = ()


@dataclass(frozen=True, slots=True)
class AddObject:
    """Create an instance of a multi-instance object; the path ends with "." (A.3.2.6)."""

    object_name: str
    parameter_key: str = ""


@dataclass(frozen=True, slots=True)
class AddObjectResponse:
    """The instance created; ``status`` as in SetParameterValuesResponse."""

    instance_number: int
    status: int = 0


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Remove an instance (A.3.2.7)."""

    object_name: str
    parameter_key: str = ""


@dataclass(frozen=True, slots=True)
class DeleteObjectResponse:
    """``status`` as in SetParameterValuesResponse."""

    status: int = 0


@dataclass(frozen=True, slots=True)
class Download:
    """Fetch a file by URL (A.3.2.8); sizes in bytes, delay in seconds."""

    command_key: str
    file_type: str
    url: str
    username: str = ""
    password: str = ""
    file_size: int = 0
    target_file_name: str = ""
    delay_seconds: int = 0
    success_url: str = ""
    failure_url: str = ""


@dataclass(frozen=True, slots=True)
class DownloadResponse:
    """``status`` 0: done; 1: a TransferComplete will follow. Times are raw dateTime text."""

    status: int = 1
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME


@dataclass(frozen=True, slots=True)
class ScheduleDownload:
    """Fetch a file within one or two time windows (A.4.1.8, CWMP 1.2)."""

    command_key: str
    file_type: str
    url: str
    username: str = ""
    password: str = ""
    file_size: int = 0
    target_file_name: str = ""
    time_windows: tuple[TimeWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleDownloadResponse:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Send a file to a URL (A.4.1.5)."""

    command_key: str
    file_type: str
    url: str
    username: str = ""
    password: str = ""
    delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class UploadResponse:
    """As DownloadResponse."""

    status: int = 1
    start_time: str = UNKNOWN_TIME
    complete_time: str = UNKNOWN_TIME


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """Cancel a queued transfer (A.4.1.9, CWMP 1.2)."""

    command_key: str


@dataclass(frozen=True, slots=True)
class CancelTransferResponse:
    """Cancelled."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfers:
    """List transfers that the ACS asked for (deprecated, A.4.1.1)."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfersResponse:
    """The transfers queued."""

    transfers: tuple[QueuedTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfers:
    """List all transfers, asked for or autonomous (A.4.1.7, CWMP 1.1)."""


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfersResponse:
    """The transfers queued."""

    transfers: tuple[QueuedTransfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Reboot:
    """Reboot after the session; the next Inform bears ``M Reboot`` with the key (A.3.2.9)."""

    command_key: str


@dataclass(frozen=True, slots=True)
class RebootResponse:
    """Accepted, not yet done."""


@dataclass(frozen=True, slots=True)
class FactoryReset:
    """Reset to factory defaults after the session (A.4.1.6)."""


@dataclass(frozen=True, slots=True)
class FactoryResetResponse:
    """Accepted, not yet done."""


@dataclass(frozen=True, slots=True)
class ScheduleInform:
    """Ask for an Inform after ``delay_seconds`` (A.4.1.3)."""

    delay_seconds: int
    command_key: str


@dataclass(frozen=True, slots=True)
class ScheduleInformResponse:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class SetVouchers:
    """Load option vouchers, each raw base64 text (deprecated, A.4.1.2)."""

    vouchers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetVouchersResponse:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class GetOptions:
    """Read options; an empty name reads all (deprecated, A.4.1.4)."""

    option_name: str = ""


@dataclass(frozen=True, slots=True)
class GetOptionsResponse:
    """The options read."""

    options: tuple[OptionStruct, ...] = ()


@dataclass(frozen=True, slots=True)
class InstallOperation:
    """Install a deployment unit (OperationStruct, CWMP 1.2)."""

    url: str
    uuid: str = ""
    username: str = ""
    password: str = ""
    execution_env_ref: str = ""


@dataclass(frozen=True, slots=True)
class UpdateOperation:
    """Update a deployment unit."""

    uuid: str
    version: str = ""
    url: str = ""
    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class UninstallOperation:
    """Remove a deployment unit."""

    uuid: str
    version: str = ""
    execution_env_ref: str = ""


@dataclass(frozen=True, slots=True)
class ChangeDUState:
    """Change deployment units (A.4.1.10, CWMP 1.2)."""

    command_key: str
    operations: tuple[InstallOperation | UpdateOperation | UninstallOperation, ...]


@dataclass(frozen=True, slots=True)
class ChangeDUStateResponse:
    """Accepted."""
