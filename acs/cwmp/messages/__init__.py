"""Every RPC of CWMP 1.0 to 1.4, in both directions, as frozen dataclasses.

A class is named as its XML element; a field is the element's name in snake case.
``CPE_METHODS`` are called by the ACS on a CPE, ``ACS_METHODS`` by a CPE on the ACS
(TR-069 table 6); ``RESPONSES`` are the answers to both; ``METHODS`` is all of them by name.
"""

from __future__ import annotations

from typing import get_args

from acs.cwmp.messages.envelope import (
    CWMP_1_0,
    CWMP_1_1,
    CWMP_1_2,
    Fault,
    Header,
    UnknownMethod,
)
from acs.cwmp.messages.from_acs import (
    AddObject,
    AddObjectResponse,
    CancelTransfer,
    CancelTransferResponse,
    ChangeDUState,
    ChangeDUStateResponse,
    DeleteObject,
    DeleteObjectResponse,
    Download,
    DownloadResponse,
    FactoryReset,
    FactoryResetResponse,
    GetAllQueuedTransfers,
    GetAllQueuedTransfersResponse,
    GetOptions,
    GetOptionsResponse,
    GetParameterAttributes,
    GetParameterAttributesResponse,
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetQueuedTransfers,
    GetQueuedTransfersResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    InstallOperation,
    Reboot,
    RebootResponse,
    ScheduleDownload,
    ScheduleDownloadResponse,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterValues,
    SetParameterValuesResponse,
    SetVouchers,
    SetVouchersResponse,
    UninstallOperation,
    UpdateOperation,
    Upload,
    UploadResponse,
)
from acs.cwmp.messages.from_cpe import (
    AutonomousDUStateChangeComplete,
    AutonomousDUStateChangeCompleteResponse,
    AutonomousOperationResult,
    AutonomousTransferComplete,
    AutonomousTransferCompleteResponse,
    DUStateChangeComplete,
    DUStateChangeCompleteResponse,
    Inform,
    InformResponse,
    Kicked,
    KickedResponse,
    OperationResult,
    RequestDownload,
    RequestDownloadResponse,
    TransferComplete,
    TransferCompleteResponse,
)
from acs.cwmp.messages.types import (
    BULK_DATA_PASSWORD,
    CONNECTION_REQUEST_PASSWORD,
    DEVICE_KEY,
    PLACEHOLDER_MARK,
    SEALED_PLACEHOLDER,
    SECRET_PLACEHOLDER,
    STUN_PASSWORD,
    UNKNOWN_TIME,
    DeviceId,
    Event,
    FaultStruct,
    OptionStruct,
    ParameterAttribute,
    ParameterInfo,
    ParameterValue,
    QueuedTransfer,
    SetParameterAttribute,
    SetParameterValuesFault,
    TimeWindow,
)

CpeMethod = (
    GetRPCMethods
    | SetParameterValues
    | GetParameterValues
    | GetParameterNames
    | SetParameterAttributes
    | GetParameterAttributes
    | AddObject
    | DeleteObject
    | Download
    | ScheduleDownload
    | Upload
    | CancelTransfer
    | GetQueuedTransfers
    | GetAllQueuedTransfers
    | Reboot
    | FactoryReset
    | ScheduleInform
    | SetVouchers
    | GetOptions
    | ChangeDUState
)
AcsMethod = (
    GetRPCMethods
    | Inform
    | TransferComplete
    | AutonomousTransferComplete
    | RequestDownload
    | Kicked
    | DUStateChangeComplete
    | AutonomousDUStateChangeComplete
)
Response = (
    GetRPCMethodsResponse
    | SetParameterValuesResponse
    | GetParameterValuesResponse
    | GetParameterNamesResponse
    | SetParameterAttributesResponse
    | GetParameterAttributesResponse
    | AddObjectResponse
    | DeleteObjectResponse
    | DownloadResponse
    | ScheduleDownloadResponse
    | UploadResponse
    | CancelTransferResponse
    | GetQueuedTransfersResponse
    | GetAllQueuedTransfersResponse
    | RebootResponse
    | FactoryResetResponse
    | ScheduleInformResponse
    | SetVouchersResponse
    | GetOptionsResponse
    | ChangeDUStateResponse
    | InformResponse
    | TransferCompleteResponse
    | AutonomousTransferCompleteResponse
    | RequestDownloadResponse
    | KickedResponse
    | DUStateChangeCompleteResponse
    | AutonomousDUStateChangeCompleteResponse
)

KeyedMethod = Reboot | Download | ScheduleDownload | Upload | ScheduleInform | ChangeDUState
"""What a device tells the end of by the CommandKey of the request (TR-069 table 8)."""
Message = CpeMethod | AcsMethod | Response | Fault | UnknownMethod

CPE_METHODS: dict[str, type[CpeMethod]] = {cls.__name__: cls for cls in get_args(CpeMethod)}
ACS_METHODS: dict[str, type[AcsMethod]] = {cls.__name__: cls for cls in get_args(AcsMethod)}
RESPONSES: dict[str, type[Response]] = {cls.__name__: cls for cls in get_args(Response)}
METHODS: dict[str, type[CpeMethod | AcsMethod | Response]] = {**CPE_METHODS, **ACS_METHODS, **RESPONSES}
KEYED_METHODS = frozenset(cls.__name__ for cls in get_args(KeyedMethod))


def method_name(message: Message) -> str:
    """Return the name of the message's XML element."""
    return message.name if isinstance(message, UnknownMethod) else type(message).__name__


def response_of(request: type[Message]) -> type[Response]:
    """Return the class that answers ``request``; KeyError when it is no request."""
    return RESPONSES[request.__name__ + "Response"]


__all__ = [
    "ACS_METHODS",
    "BULK_DATA_PASSWORD",
    "CONNECTION_REQUEST_PASSWORD",
    "CPE_METHODS",
    "CWMP_1_0",
    "CWMP_1_1",
    "CWMP_1_2",
    "DEVICE_KEY",
    "KEYED_METHODS",
    "METHODS",
    "PLACEHOLDER_MARK",
    "RESPONSES",
    "SEALED_PLACEHOLDER",
    "SECRET_PLACEHOLDER",
    "STUN_PASSWORD",
    "UNKNOWN_TIME",
    "AcsMethod",
    "AddObject",
    "AddObjectResponse",
    "AutonomousDUStateChangeComplete",
    "AutonomousDUStateChangeCompleteResponse",
    "AutonomousOperationResult",
    "AutonomousTransferComplete",
    "AutonomousTransferCompleteResponse",
    "CancelTransfer",
    "CancelTransferResponse",
    "ChangeDUState",
    "ChangeDUStateResponse",
    "CpeMethod",
    "DUStateChangeComplete",
    "DUStateChangeCompleteResponse",
    "DeleteObject",
    "DeleteObjectResponse",
    "DeviceId",
    "Download",
    "DownloadResponse",
    "Event",
    "FactoryReset",
    "FactoryResetResponse",
    "Fault",
    "FaultStruct",
    "GetAllQueuedTransfers",
    "GetAllQueuedTransfersResponse",
    "GetOptions",
    "GetOptionsResponse",
    "GetParameterAttributes",
    "GetParameterAttributesResponse",
    "GetParameterNames",
    "GetParameterNamesResponse",
    "GetParameterValues",
    "GetParameterValuesResponse",
    "GetQueuedTransfers",
    "GetQueuedTransfersResponse",
    "GetRPCMethods",
    "GetRPCMethodsResponse",
    "Header",
    "Inform",
    "InformResponse",
    "InstallOperation",
    "KeyedMethod",
    "Kicked",
    "KickedResponse",
    "Message",
    "OperationResult",
    "OptionStruct",
    "ParameterAttribute",
    "ParameterInfo",
    "ParameterValue",
    "QueuedTransfer",
    "Reboot",
    "RebootResponse",
    "RequestDownload",
    "RequestDownloadResponse",
    "Response",
    "ScheduleDownload",
    "ScheduleDownloadResponse",
    "ScheduleInform",
    "ScheduleInformResponse",
    "SetParameterAttribute",
    "SetParameterAttributes",
    "SetParameterAttributesResponse",
    "SetParameterValues",
    "SetParameterValuesFault",
    "SetParameterValuesResponse",
    "SetVouchers",
    "SetVouchersResponse",
    "TimeWindow",
    "TransferComplete",
    "TransferCompleteResponse",
    "UninstallOperation",
    "UnknownMethod",
    "UpdateOperation",
    "Upload",
    "UploadResponse",
    "method_name",
    "response_of",
]
