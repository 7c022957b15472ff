"""How each message looks on the wire: one table that reading and writing both follow.

A message or structure is a sequence of fields; a field is an attribute, its XML element
and a kind. The order is that of the schema (TR-069 A.3, A.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from acs.cwmp import messages as m

__all__ = ["SHAPES", "Array", "Kind", "Part", "Repeated", "Scalar", "Special", "Struct"]


class Scalar(Enum):
    """A single value."""

    TEXT = auto()
    INT = auto()
    BOOL = auto()
    OPTIONAL_TEXT = auto()  # left out where empty


@dataclass(frozen=True, slots=True)
class Part:
    """One field: attribute of the dataclass, XML element, kind."""

    attribute: str
    element: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Struct:
    """A nested structure. ``xsi_type`` is written and read where a schema type is abstract."""

    cls: type[Any]
    parts: tuple[Part, ...]
    xsi_type: str = ""


@dataclass(frozen=True, slots=True)
class Array:
    """A SOAP array: the element of an item, the type named in ``arrayType``, the kind of an item."""

    item: str
    array_type: str
    kind: Scalar | Struct | Special


@dataclass(frozen=True, slots=True)
class Repeated:
    """Elements repeated without an enclosing array; of several structs ``xsi:type`` tells which."""

    structs: tuple[Struct, ...]


class Special(Enum):
    """Structures that no table describes: they have code of their own in ``encode`` and ``decode``."""

    PARAMETER_VALUE = auto()
    SET_ATTRIBUTES = auto()
    ARGUMENT = auto()


Kind = Scalar | Struct | Array | Repeated

_TEXT, _INT, _BOOL, _OPTIONAL = Scalar.TEXT, Scalar.INT, Scalar.BOOL, Scalar.OPTIONAL_TEXT


def _parts(*rows: tuple[str, str, Kind]) -> tuple[Part, ...]:
    return tuple(Part(*row) for row in rows)


_STRINGS = Array("string", "xsd:string", _TEXT)
_VALUES = Array("ParameterValueStruct", "cwmp:ParameterValueStruct", Special.PARAMETER_VALUE)
_FAULT = Struct(m.FaultStruct, _parts(("code", "FaultCode", _INT), ("string", "FaultString", _TEXT)))
_DEVICE_ID = Struct(
    m.DeviceId,
    _parts(
        ("manufacturer", "Manufacturer", _TEXT),
        ("oui", "OUI", _TEXT),
        ("product_class", "ProductClass", _TEXT),
        ("serial_number", "SerialNumber", _TEXT),
    ),
)
_EVENT = Struct(m.Event, _parts(("code", "EventCode", _TEXT), ("command_key", "CommandKey", _TEXT)))
_INFO = Struct(m.ParameterInfo, _parts(("name", "Name", _TEXT), ("writable", "Writable", _BOOL)))
_ATTRIBUTE = Struct(
    m.ParameterAttribute,
    _parts(
        ("name", "Name", _TEXT),
        ("notification", "Notification", _INT),
        ("access_list", "AccessList", _STRINGS),
    ),
)
_QUEUED = Struct(m.QueuedTransfer, _parts(("command_key", "CommandKey", _TEXT), ("state", "State", _INT)))
_ALL_QUEUED = Struct(
    m.QueuedTransfer,
    _parts(
        ("command_key", "CommandKey", _TEXT),
        ("state", "State", _INT),
        ("is_download", "IsDownload", _BOOL),
        ("file_type", "FileType", _TEXT),
        ("file_size", "FileSize", _INT),
        ("target_file_name", "TargetFileName", _TEXT),
    ),
)
_WINDOW = Struct(
    m.TimeWindow,
    _parts(
        ("window_start", "WindowStart", _INT),
        ("window_end", "WindowEnd", _INT),
        ("window_mode", "WindowMode", _TEXT),
        ("user_message", "UserMessage", _TEXT),
        ("max_retries", "MaxRetries", _INT),
    ),
)
_OPTION = Struct(
    m.OptionStruct,
    _parts(
        ("option_name", "OptionName", _TEXT),
        ("voucher_sn", "VoucherSN", _INT),
        ("state", "State", _INT),
        ("mode", "Mode", _INT),
        ("start_date", "StartDate", _TEXT),
        ("expiration_date", "ExpirationDate", _OPTIONAL),
        ("is_transferable", "IsTransferable", _BOOL),
    ),
)
_OPERATIONS = Repeated(
    (
        Struct(
            m.InstallOperation,
            _parts(
                ("url", "URL", _TEXT),
                ("uuid", "UUID", _OPTIONAL),
                ("username", "Username", _OPTIONAL),
                ("password", "Password", _OPTIONAL),
                ("execution_env_ref", "ExecutionEnvRef", _OPTIONAL),
            ),
            "cwmp:InstallOpStruct",
        ),
        Struct(
            m.UpdateOperation,
            _parts(
                ("uuid", "UUID", _OPTIONAL),
                ("version", "Version", _OPTIONAL),
                ("url", "URL", _OPTIONAL),
                ("username", "Username", _OPTIONAL),
                ("password", "Password", _OPTIONAL),
            ),
            "cwmp:UpdateOpStruct",
        ),
        Struct(
            m.UninstallOperation,
            _parts(
                ("uuid", "UUID", _TEXT),
                ("version", "Version", _OPTIONAL),
                ("execution_env_ref", "ExecutionEnvRef", _OPTIONAL),
            ),
            "cwmp:UninstallOpStruct",
        ),
    )
)
_RESULT = _parts(
    ("uuid", "UUID", _TEXT),
    ("deployment_unit_ref", "DeploymentUnitRef", _TEXT),
    ("version", "Version", _TEXT),
    ("current_state", "CurrentState", _TEXT),
    ("resolved", "Resolved", _BOOL),
    ("execution_unit_ref_list", "ExecutionUnitRefList", _TEXT),
    ("start_time", "StartTime", _TEXT),
    ("complete_time", "CompleteTime", _TEXT),
    ("fault", "Fault", _FAULT),
)
_TRANSFER_TIMES = (("start_time", "StartTime", _TEXT), ("complete_time", "CompleteTime", _TEXT))
_FILE = (
    ("command_key", "CommandKey", _TEXT),
    ("file_type", "FileType", _TEXT),
    ("url", "URL", _TEXT),
    ("username", "Username", _TEXT),
    ("password", "Password", _TEXT),
)
_STATUS = ("status", "Status", _INT)
_PARAMETER_KEY = ("parameter_key", "ParameterKey", _TEXT)
_COMMAND_KEY = ("command_key", "CommandKey", _TEXT)

SHAPES: dict[type[Any], tuple[Part, ...]] = {
    # called by the ACS
    m.GetRPCMethods: (),
    m.GetRPCMethodsResponse: _parts(("methods", "MethodList", _STRINGS)),
    m.SetParameterValues: _parts(("parameters", "ParameterList", _VALUES), _PARAMETER_KEY),
    m.SetParameterValuesResponse: _parts(_STATUS),
    m.GetParameterValues: _parts(("names", "ParameterNames", _STRINGS)),
    m.GetParameterValuesResponse: _parts(("parameters", "ParameterList", _VALUES)),
    m.GetParameterNames: _parts(("path", "ParameterPath", _TEXT), ("next_level", "NextLevel", _BOOL)),
    m.GetParameterNamesResponse: _parts(
        ("parameters", "ParameterList", Array("ParameterInfoStruct", "cwmp:ParameterInfoStruct", _INFO))
    ),
    m.SetParameterAttributes: _parts(
        (
            "parameters",
            "ParameterList",
            Array(
                "SetParameterAttributesStruct", "cwmp:SetParameterAttributesStruct", Special.SET_ATTRIBUTES
            ),
        )
    ),
    m.SetParameterAttributesResponse: (),
    m.GetParameterAttributes: _parts(("names", "ParameterNames", _STRINGS)),
    m.GetParameterAttributesResponse: _parts(
        (
            "parameters",
            "ParameterList",
            Array("ParameterAttributeStruct", "cwmp:ParameterAttributeStruct", _ATTRIBUTE),
        )
    ),
    m.AddObject: _parts(("object_name", "ObjectName", _TEXT), _PARAMETER_KEY),
    m.AddObjectResponse: _parts(("instance_number", "InstanceNumber", _INT), _STATUS),
    m.DeleteObject: _parts(("object_name", "ObjectName", _TEXT), _PARAMETER_KEY),
    m.DeleteObjectResponse: _parts(_STATUS),
    m.Download: _parts(
        *_FILE,
        ("file_size", "FileSize", _INT),
        ("target_file_name", "TargetFileName", _TEXT),
        ("delay_seconds", "DelaySeconds", _INT),
        ("success_url", "SuccessURL", _TEXT),
        ("failure_url", "FailureURL", _TEXT),
    ),
    m.DownloadResponse: _parts(_STATUS, *_TRANSFER_TIMES),
    m.ScheduleDownload: _parts(
        *_FILE,
        ("file_size", "FileSize", _INT),
        ("target_file_name", "TargetFileName", _TEXT),
        ("time_windows", "TimeWindowList", Array("TimeWindowStruct", "cwmp:TimeWindowStruct", _WINDOW)),
    ),
    m.ScheduleDownloadResponse: (),
    m.Upload: _parts(*_FILE, ("delay_seconds", "DelaySeconds", _INT)),
    m.UploadResponse: _parts(_STATUS, *_TRANSFER_TIMES),
    m.CancelTransfer: _parts(_COMMAND_KEY),
    m.CancelTransferResponse: (),
    m.GetQueuedTransfers: (),
    m.GetQueuedTransfersResponse: _parts(
        ("transfers", "TransferList", Array("QueuedTransferStruct", "cwmp:QueuedTransferStruct", _QUEUED))
    ),
    m.GetAllQueuedTransfers: (),
    m.GetAllQueuedTransfersResponse: _parts(
        (
            "transfers",
            "TransferList",
            Array("AllQueuedTransferStruct", "cwmp:AllQueuedTransferStruct", _ALL_QUEUED),
        )
    ),
    m.Reboot: _parts(_COMMAND_KEY),
    m.RebootResponse: (),
    m.FactoryReset: (),
    m.FactoryResetResponse: (),
    m.ScheduleInform: _parts(("delay_seconds", "DelaySeconds", _INT), _COMMAND_KEY),
    m.ScheduleInformResponse: (),
    m.SetVouchers: _parts(("vouchers", "VoucherList", Array("base64", "soap-enc:base64", _TEXT))),
    m.SetVouchersResponse: (),
    m.GetOptions: _parts(("option_name", "OptionName", _TEXT)),
    m.GetOptionsResponse: _parts(
        ("options", "OptionList", Array("OptionStruct", "cwmp:OptionStruct", _OPTION))
    ),
    m.ChangeDUState: _parts(("operations", "Operations", _OPERATIONS), _COMMAND_KEY),
    m.ChangeDUStateResponse: (),
    # called by the CPE
    m.Inform: _parts(
        ("device_id", "DeviceId", _DEVICE_ID),
        ("events", "Event", Array("EventStruct", "cwmp:EventStruct", _EVENT)),
        ("max_envelopes", "MaxEnvelopes", _INT),
        ("current_time", "CurrentTime", _TEXT),
        ("retry_count", "RetryCount", _INT),
        ("parameters", "ParameterList", _VALUES),
    ),
    m.InformResponse: _parts(("max_envelopes", "MaxEnvelopes", _INT)),
    m.TransferComplete: _parts(_COMMAND_KEY, ("fault", "FaultStruct", _FAULT), *_TRANSFER_TIMES),
    m.TransferCompleteResponse: (),
    m.AutonomousTransferComplete: _parts(
        ("announce_url", "AnnounceURL", _TEXT),
        ("transfer_url", "TransferURL", _TEXT),
        ("is_download", "IsDownload", _BOOL),
        ("file_type", "FileType", _TEXT),
        ("file_size", "FileSize", _INT),
        ("target_file_name", "TargetFileName", _TEXT),
        ("fault", "FaultStruct", _FAULT),
        *_TRANSFER_TIMES,
    ),
    m.AutonomousTransferCompleteResponse: (),
    m.RequestDownload: _parts(
        ("file_type", "FileType", _TEXT),
        ("file_type_args", "FileTypeArg", Array("ArgStruct", "cwmp:ArgStruct", Special.ARGUMENT)),
    ),
    m.RequestDownloadResponse: (),
    m.Kicked: _parts(
        ("command", "Command", _TEXT),
        ("referer", "Referer", _TEXT),
        ("arg", "Arg", _TEXT),
        ("next", "Next", _TEXT),
    ),
    m.KickedResponse: _parts(("next_url", "NextURL", _TEXT)),
    m.DUStateChangeComplete: _parts(
        ("results", "Results", Repeated((Struct(m.OperationResult, _RESULT),))), _COMMAND_KEY
    ),
    m.DUStateChangeCompleteResponse: (),
    m.AutonomousDUStateChangeComplete: _parts(
        (
            "results",
            "Results",
            Repeated(
                (
                    Struct(
                        m.AutonomousOperationResult,
                        (*_RESULT, Part("operation_performed", "OperationPerformed", _TEXT)),
                    ),
                )
            ),
        )
    ),
    m.AutonomousDUStateChangeCompleteResponse: (),
}
