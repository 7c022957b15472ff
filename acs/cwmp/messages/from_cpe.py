"""Methods that a CPE calls on the ACS, and the ACS's answers (TR-069 A.3.3, A.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from acs.cwmp.messages.types import DeviceId, Event, FaultStruct, ParameterValue


@dataclass(frozen=True, slots=True)
class Inform:
    """The message that opens a session (A.3.3.1). ``current_time`` is raw dateTime text."""

    device_id: DeviceId
    events: tuple[Event, ...]
    max_envelopes: int = 1
    current_time: str = ""
    retry_count: int = 0
    parameters: tuple[ParameterValue, ...] = ()


@dataclass(frozen=True, slots=True)
class InformResponse:
    """The Inform was received and made durable; ``max_envelopes`` is always 1."""

    max_envelopes: int = 1


@dataclass(frozen=True, slots=True)
class TransferComplete:
    """A transfer the ACS asked for ended (A.3.3.2); times are raw dateTime text."""

    command_key: str
    fault: FaultStruct
    start_time: str
    complete_time: str


@dataclass(frozen=True, slots=True)
class TransferCompleteResponse:
    """Received and made durable."""


@dataclass(frozen=True, slots=True)
class AutonomousTransferComplete:
    """A transfer that the ACS did not ask for ended (A.3.3.3, CWMP 1.1)."""

    announce_url: str
    transfer_url: str
    is_download: bool
    file_type: str
    file_size: int
    target_file_name: str
    fault: FaultStruct
    start_time: str
    complete_time: str


@dataclass(frozen=True, slots=True)
class AutonomousTransferCompleteResponse:
    """Received and made durable."""


@dataclass(frozen=True, slots=True)
class RequestDownload:
    """The CPE asks for a Download (A.4.2.2); ``file_type_args`` are (name, value) pairs."""

    file_type: str
    file_type_args: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestDownloadResponse:
    """Received; a Download may follow."""


@dataclass(frozen=True, slots=True)
class Kicked:
    """A user's browser asked for a session (deprecated, A.4.2.1)."""

    command: str
    referer: str
    arg: str
    next: str


@dataclass(frozen=True, slots=True)
class KickedResponse:
    """Where the browser goes next."""

    next_url: str


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The result of one deployment-unit operation (OpResultStruct)."""

    uuid: str
    deployment_unit_ref: str
    version: str
    current_state: str
    resolved: bool
    execution_unit_ref_list: str
    start_time: str
    complete_time: str
    fault: FaultStruct


@dataclass(frozen=True, slots=True)
class DUStateChangeComplete:
    """A ChangeDUState ended (A.4.2.3, CWMP 1.2)."""

    results: tuple[OperationResult, ...]
    command_key: str


@dataclass(frozen=True, slots=True)
class DUStateChangeCompleteResponse:
    """Received and made durable."""


@dataclass(frozen=True, slots=True)
class AutonomousOperationResult:
    """As OperationResult, with the operation that was performed (AutonOpResultStruct)."""

    uuid: str
    deployment_unit_ref: str
    version: str
    current_state: str
    resolved: bool
    execution_unit_ref_list: str
    start_time: str
    complete_time: str
    fault: FaultStruct
    operation_performed: str


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeComplete:
    """Deployment units changed without the ACS asking (A.4.2.4, CWMP 1.2)."""

    results: tuple[AutonomousOperationResult, ...]


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeCompleteResponse:
    """Received and made durable."""
