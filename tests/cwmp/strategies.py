"""Hypothesis strategies for every message.

``wild(cls)`` draws any message that the wire can carry; ``valid(cls)`` draws those that the
schemas of all CWMP versions allow. Both walk the codec's table, so no message can be forgotten.
"""

import string
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.cwmp.codec.shape import SHAPES, Array, Repeated, Scalar, Special

FIXED = settings(derandomize=True, deadline=None, max_examples=30, database=None)

_FORBIDDEN = "".join(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))


def text(limit=40):
    """Any text that XML can carry, carriage returns and astral characters included."""
    return st.text(st.characters(exclude_characters=_FORBIDDEN, exclude_categories=["Cs"]), max_size=limit)


def line(limit):
    """Text without line breaks and without white space at its ends."""
    return text(limit).map(lambda s: " ".join(s.split()))


UINT = st.integers(0, 2**32 - 1)
INT = st.integers(-(2**31), 2**32 - 1)
TIME = st.one_of(
    st.just(m.UNKNOWN_TIME),
    st.datetimes().map(lambda t: t.isoformat() + "Z"),
    st.datetimes().map(lambda t: t.replace(microsecond=0).isoformat() + "+05:30"),
)
UUID = st.uuids().map(str)
URL = st.text(string.ascii_letters + string.digits + "/.-", max_size=60).map("http://acs.example/".__add__)
FAULT_CODES = (0, 9001, 9002, 9010, 9011, 9012)
DU_FAULT_CODES = (0, 9001, 9003, 9012, 9013, 9022, 9032, 9033, 9800, 9899)
VENDOR = line(30).map(lambda s: f"X 0005B9 {s}x")

TYPED_VALUES = st.one_of(
    st.tuples(text(), st.just("xsd:string")),
    st.tuples(st.sampled_from(["0", "1", "true", "false"]), st.just("xsd:boolean")),
    st.tuples(st.integers(-(2**31), 2**31 - 1).map(str), st.just("xsd:int")),
    st.tuples(UINT.map(str), st.just("xsd:unsignedInt")),
    st.tuples(st.integers(-(2**63), 2**63 - 1).map(str), st.just("xsd:long")),
    st.tuples(TIME, st.just("xsd:dateTime")),
    st.tuples(st.binary(max_size=20).map(bytes.hex), st.just("xsd:hexBinary")),
)
WILD_TYPES = st.sampled_from(["xsd:string", "xsd:unsignedInt", "xsd:base64", "xsd:dateTime"])

_FLAG = st.integers(0, 1)
_SHORT, _LONG = text(32), text(256)
_VALID = {
    "AnnounceURL": text(300),
    "Arg": _LONG,
    "Command": _SHORT,
    "CommandKey": _SHORT,
    "CompleteTime": TIME,
    "CurrentState": st.sampled_from(["Installed", "Uninstalled", "Failed"]),
    "CurrentTime": TIME,
    "DelaySeconds": UINT,
    "EventCode": st.sampled_from(["0 BOOTSTRAP", "1 BOOT", "4 VALUE CHANGE", "M Reboot", "M X_0005B9_Do"])
    | VENDOR,
    "ExpirationDate": TIME,
    "FaultCode": st.sampled_from(FAULT_CODES),
    "OperationResult.FaultCode": st.sampled_from(DU_FAULT_CODES),
    "AutonomousOperationResult.FaultCode": st.sampled_from(DU_FAULT_CODES),
    "FileSize": UINT,
    "FileType": st.sampled_from(["1 Firmware Upgrade Image", "3 Vendor Configuration File"]) | VENDOR,
    "Upload.FileType": st.sampled_from(["1 Vendor Configuration File", "2 Vendor Log File"]) | VENDOR,
    "InstanceNumber": st.integers(1, 2**32 - 1),
    "Manufacturer": text(64),
    "MaxEnvelopes": UINT,
    "MaxRetries": st.integers(-1, 2**31 - 1),
    "Mode": st.integers(0, 2),
    "Notification": st.integers(0, 2),
    "OUI": st.text("0123456789ABCDEF", min_size=6, max_size=6),
    "ObjectName": line(100).map(lambda s: s + "."),
    "OptionName": text(64),
    "OptionStruct.State": st.integers(0, 3),
    "ParameterKey": _SHORT,
    "ProductClass": text(64),
    "QueuedTransfer.State": st.integers(1, 3),
    "Referer": text(64),
    "RetryCount": UINT,
    "SerialNumber": text(64),
    "StartDate": TIME,
    "StartTime": TIME,
    "Status": _FLAG,
    "URL": URL,
    "UUID": UUID,
    "UserMessage": _LONG,
    "Version": _SHORT,
    "VoucherSN": UINT,
    "WindowEnd": UINT,
    "WindowMode": st.sampled_from(["1 At Any Time", "2 Immediately", "4 Confirmation Needed"]) | VENDOR,
    "WindowStart": UINT,
    "AccessList.string": st.just("Subscriber"),
    "MethodList.string": text(64),
    "VoucherList.base64": st.sampled_from(["", "AAEC", "/+8="]),
}
_SIZES = {
    "MethodList": (1, 4),
    "ParameterNames": (1, 4),
    "VoucherList": (1, 3),
    "TimeWindowList": (1, 2),
    "SetParameterAttributesStruct": (1, 3),
}
_WILD_SCALARS = {
    Scalar.TEXT: text(),
    Scalar.OPTIONAL_TEXT: text(),
    Scalar.INT: INT,
    Scalar.BOOL: st.booleans(),
}


class _Drawer:
    """Builds strategies from the table, either as the schemas want it or as the wire allows."""

    def __init__(self, *, strict):
        self.strict = strict

    def scalar(self, owner, element, kind):
        if self.strict and kind is not Scalar.BOOL:
            found = _VALID.get(f"{owner}.{element}", _VALID.get(element, _LONG))
            return st.just("") | found if kind is Scalar.OPTIONAL_TEXT else found
        return st.integers(0, 9999) if element == "FaultCode" else _WILD_SCALARS[kind]

    def struct(self, cls, parts, owner=None):
        owner = owner or cls.__name__
        return st.builds(cls, **{part.attribute: self.part(owner, part) for part in parts})

    def part(self, owner, part):
        kind = part.kind
        if isinstance(kind, Scalar):
            return self.scalar(owner, part.element, kind)
        if isinstance(kind, Repeated):
            each = st.one_of([self.struct(struct.cls, struct.parts) for struct in kind.structs])
            return st.lists(each, min_size=1, max_size=3).map(tuple)
        if isinstance(kind, Array):
            return self.array(part.element, kind)
        # the fault of an operation follows other rules than that of a transfer
        return self.struct(kind.cls, kind.parts, owner if kind.cls is m.FaultStruct else None)

    def array(self, element, array):
        kind = array.kind
        if isinstance(kind, Special):
            each = self.special(kind)
        elif isinstance(kind, Scalar):
            each = self.scalar(element, array.item, kind)
        else:
            each = self.struct(kind.cls, kind.parts)
        low, high = _SIZES.get(element, _SIZES.get(array.item, (0, 4))) if self.strict else (0, 4)
        return st.lists(each, min_size=low, max_size=high).map(tuple)

    def special(self, kind):
        if kind is Special.ARGUMENT:
            return st.tuples(text(), text(200))
        name = line(120)
        if kind is Special.PARAMETER_VALUE:
            pairs = TYPED_VALUES if self.strict else st.tuples(text(), WILD_TYPES)
            return st.tuples(name, pairs).map(lambda drawn: m.ParameterValue(drawn[0], *drawn[1]))
        notification = st.none() | (st.integers(0, 2) if self.strict else INT)
        entry = st.just("Subscriber") if self.strict else text()
        access = st.none() | st.lists(entry, max_size=3).map(tuple)
        return st.builds(m.SetParameterAttribute, name, notification, access)


_WILD, _STRICT = _Drawer(strict=False), _Drawer(strict=True)


@cache
def wild(cls):
    """Draw messages of a class with any content."""
    return _WILD.struct(cls, SHAPES[cls])


@cache
def valid(cls):
    """Draw messages of a class that every version's schema allows."""
    return _STRICT.struct(cls, SHAPES[cls])


ANY_MESSAGE = st.one_of([wild(cls) for cls in SHAPES])

CPE_FAULT_CODE = st.sampled_from([*range(9000, 9014), 9800, 9899])
ACS_FAULT_CODE = st.sampled_from([*range(8000, 8006), 8800, 8899])
FAULTS = st.builds(
    m.Fault,
    CPE_FAULT_CODE | ACS_FAULT_CODE,
    text(),
    st.lists(st.builds(m.SetParameterValuesFault, line(60), CPE_FAULT_CODE, text()), max_size=3).map(tuple),
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
UNKNOWN_METHODS = st.builds(
    m.UnknownMethod,
    st.sampled_from(["", "urn:example:vendor"]),
    NAMES.map("X_".__add__),
    st.lists(st.tuples(NAMES, text()), max_size=4).map(tuple),
)
HEADERS = st.builds(
    m.Header,
    id=st.none() | line(64),
    hold_requests=st.none() | st.booleans(),
    no_more_requests=st.none() | st.booleans(),
    session_timeout=st.none() | UINT,
    supported_cwmp_versions=st.lists(st.sampled_from(["1.0", "1.2", "1.4"]), max_size=3).map(tuple),
    use_cwmp_version=st.none() | st.sampled_from(["1.0", "1.4"]),
)
