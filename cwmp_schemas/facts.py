"""What TR-069 says of single elements: lengths, ranges, patterns.

The codec's table (``acs.cwmp.codec.shape``) knows names, order and kinds; this one adds what a
schema says beyond that. A key is ``Structure.Element``, or ``Element`` for all structures.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OCCURS", "OPTIONAL", "TYPES", "Occurs", "Simple", "simple_type"]

Occurs = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple type: its base and the facets that restrict it."""

    base: str
    facets: tuple[tuple[str, str], ...] = ()


def _text(length: int, *patterns: str) -> Simple:
    return Simple("xs:string", (("maxLength", str(length)), *(("pattern", pattern) for pattern in patterns)))


def _one_of(base: str, *values: object) -> Simple:
    return Simple(base, tuple(("enumeration", str(value)) for value in values))


def _range(base: str, low: int, high: int | None = None) -> Simple:
    top = () if high is None else (("maxInclusive", str(high)),)
    return Simple(base, (("minInclusive", str(low)), *top))


_STRING = Simple("xs:string")
_TIME = Simple("xs:dateTime")
_UNSIGNED = Simple("xs:unsignedInt")
_FLAG = _one_of("xs:int", 0, 1)
_VENDOR = "X .+"
_FILE_TYPE = _text(64, r"[1-9][0-9]*( \S+)+", _VENDOR)
_HEX = "[0-9A-Fa-f]"
_UUID = Simple("xs:string", (("pattern", f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"),))
# 0 for success, or a code of the CPE (TR-069 A.5.1).
_OUTCOME = Simple("xs:unsignedInt", (("pattern", "0|9[0-8][0-9][0-9]"),))

TYPES: dict[str, Simple] = {
    "AnnounceURL": _text(1024),
    "Arg": _text(256),
    "Command": _text(32),
    "CommandKey": _text(32),
    "CompleteTime": _TIME,
    "CurrentState": _one_of("xs:string", "Installed", "Uninstalled", "Failed"),
    "CurrentTime": _TIME,
    "DelaySeconds": _UNSIGNED,
    "DeploymentUnitRef": _STRING,
    "EventCode": _text(64, r"[0-9]+( \S+)+", r"M \S+", _VENDOR),
    "ExecutionEnvRef": _text(256),
    "ExecutionUnitRefList": _STRING,
    "ExpirationDate": _TIME,
    "FailureURL": _text(256),
    "FaultCode": _OUTCOME,
    "FaultString": _STRING,
    "FileSize": _UNSIGNED,
    "FileType": _FILE_TYPE,
    "InstanceNumber": _range("xs:unsignedInt", 1),
    "IsTransferable": _FLAG,
    "Manufacturer": _text(64),
    "MaxEnvelopes": _UNSIGNED,
    "MaxRetries": Simple("xs:int"),
    "Mode": _range("xs:int", 0, 2),
    "Name": _text(256),
    "Next": _text(1024),
    "NextURL": _text(1024),
    "Notification": _range("xs:int", 0, 6),
    "OUI": Simple("xs:string", (("pattern", "[0-9A-F]{6}"),)),
    "ObjectName": _text(256, r".*\."),
    "OperationPerformed": _STRING,
    "OptionName": _text(64),
    "OptionStruct.State": _range("xs:unsignedInt", 0, 3),
    "ParameterKey": _text(32),
    "ParameterPath": _text(256),
    "Password": _text(256),
    "ProductClass": _text(64),
    "QueuedTransfer.State": _range("xs:int", 1, 3),
    "Referer": _text(64),
    "RetryCount": _UNSIGNED,
    "SerialNumber": _text(64),
    "StartDate": _TIME,
    "StartTime": _TIME,
    "Status": _FLAG,
    "SuccessURL": _text(256),
    "TargetFileName": _text(256),
    "TransferURL": _text(1024),
    "URL": _text(256),
    "InstallOperation.URL": Simple("xs:anyURI", (("maxLength", "1024"),)),
    "UpdateOperation.URL": Simple("xs:anyURI", (("maxLength", "1024"),)),
    "UUID": _UUID,
    "UserMessage": _text(256),
    "Username": _text(256),
    "Value": Simple("xs:anySimpleType"),
    "Version": _text(32),
    "VoucherSN": _UNSIGNED,
    "WindowEnd": _UNSIGNED,
    "WindowMode": _text(64, r"[1-9][0-9]*( \S+)+", _VENDOR),
    "WindowStart": _UNSIGNED,
    # structures and items that only a schema names
    "ArgStruct.Name": _text(64),
    "ArgStruct.Value": _text(256),
    "Fault.FaultCode": _range("xs:unsignedInt", 8000, 9899),
    "SetParameterValuesFault.FaultCode": _range("xs:unsignedInt", 8000, 9899),
    "SetParameterValuesFault.ParameterName": _STRING,
    "AccessList.string": _one_of("xs:string", "Subscriber"),
    "MethodList.string": _text(64),
    "ParameterNames.string": _text(256),
    "VoucherList.base64": Simple("soap-enc:base64"),
}

# The lightweight notifications came with CWMP 1.4, in the namespace of 1.2.
_OLD_NOTIFICATION = _range("xs:int", 0, 2)

OPTIONAL = frozenset({"ChangeDUState.CommandKey", "DUStateChangeComplete.CommandKey"})

OCCURS: dict[str, Occurs] = {
    "AccessList.string": (0, None),
    "MethodList.string": (1, None),
    "ParameterNames.string": (1, None),
    "VoucherList.base64": (1, None),
    "EventStruct": (0, 64),
    "ParameterValueStruct": (0, None),
    "ParameterInfoStruct": (0, None),
    "ParameterAttributeStruct": (0, None),
    "SetParameterAttributesStruct": (1, None),
    "QueuedTransferStruct": (0, 16),
    "AllQueuedTransferStruct": (0, 16),
    "TimeWindowStruct": (1, 2),
    "OptionStruct": (0, None),
    "ArgStruct": (0, 16),
}


def simple_type(owner: str, element: str, minor: int) -> Simple:
    """Return the type of ``element`` within ``owner``; KeyError where nothing is known of it."""
    if element == "Notification" and minor < 2:
        return _OLD_NOTIFICATION
    return TYPES.get(f"{owner}.{element}") or TYPES[element]
