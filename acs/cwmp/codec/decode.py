"""Bytes to messages.

Elements are found by local name, since real devices use any prefix, none, or one they never declared.
What had to be repaired is told in ``Envelope.repairs``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from acs.cwmp import messages as m
from acs.cwmp.codec.document import DEFAULT_LIMITS, DecodeError, Limits, read_document
from acs.cwmp.codec.shape import SHAPES, Array, Part, Repeated, Scalar, Special, Struct

__all__ = ["Envelope", "decode"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with its header fields, the CWMP namespace it was sent in and what was repaired."""

    message: m.Message
    header: m.Header
    namespace: str
    repairs: tuple[str, ...] = ()


_CWMP_NAMESPACE = re.compile(r"cwmp-([0-9])-([0-9])\Z")
_NAMESPACES = {"10": m.CWMP_1_0, "11": m.CWMP_1_1, "12": m.CWMP_1_2}
_KNOWN_NAMESPACES = frozenset(_NAMESPACES.values())
_CPE_FAULT = re.compile(r"\b9[0-9]{3}\b", re.ASCII)
_TYPE_PREFIX = re.compile(r"\A(?:[\w.-]+:)?")
_SCHEMA_TYPES = frozenset(
    (
        *("string", "anyURI", "dateTime", "boolean", "base64", "base64Binary", "hexBinary"),
        *("int", "unsignedInt", "long", "unsignedLong", "short", "unsignedShort", "byte", "unsignedByte"),
        *("integer", "nonNegativeInteger", "float", "double", "decimal"),
    )
)
_TRUE = frozenset({"1", "true", "yes", "on"})
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*\Z", re.ASCII)
_MOST_ARGUMENTS, _LONGEST_PATH, _LONGEST_ARGUMENT = 64, 256, 4096  # of a method that is not known
_LOWEST, _HIGHEST, _HIGHEST_FAULT = -(2**31), 2**32 - 1, 9999  # xs:int, xs:unsignedInt, TR-069 A.5


def _local(element: etree._Element) -> str:
    """Return the local name; an undeclared prefix stands in the tag as ``prefix:name``."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _uri(element: etree._Element) -> str:
    """Return the namespace that the element is in, empty for none."""
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def _text(element: etree._Element) -> str:
    return element.text or "" if not len(element) else "".join(map(str, element.itertext()))


def _flag(text: str) -> bool:
    return text.strip().lower() in _TRUE


class _Reader:
    """Reads the parts of one message and notes what it had to repair."""

    def __init__(self, repairs: list[str]) -> None:
        self.repairs = repairs

    def integer(self, text: str, element: str) -> int:
        """Read a number of 32 bits; a FaultCode that is none is a fault, since 0 would be success."""
        is_fault = element == "FaultCode"
        if _INTEGER.match(text):
            value = int(text)
            if _LOWEST <= value <= (_HIGHEST_FAULT if is_fault else _HIGHEST):
                return value
        value = 9002 if is_fault and text.strip() else 0
        self.repairs.append(f"{element}: {text[:32]!r} is no integer of 32 bits, read as {value}")
        return value

    def scalar(self, text: str, kind: Scalar, element: str) -> str | int | bool:
        if kind is Scalar.BOOL:
            return _flag(text)
        if kind is Scalar.INT:
            return self.integer(text, element)
        return text

    def parts(self, element: etree._Element, parts: tuple[Part, ...]) -> dict[str, Any]:
        children: dict[str, etree._Element] = {}
        for child in element:
            children.setdefault(_local(child), child)
        return {part.attribute: self.part(element, children.get(part.element), part) for part in parts}

    def part(self, parent: etree._Element, child: etree._Element | None, part: Part) -> Any:
        kind = part.kind
        if isinstance(kind, Repeated):
            found = [each for each in parent if _local(each) == part.element]
            return tuple(self.repeated(each, kind) for each in found)
        if child is None:
            return self.absent(part)
        if isinstance(kind, Scalar):
            return self.scalar(_text(child), kind, part.element)
        if isinstance(kind, Array):
            return self.array(child, kind)
        return kind.cls(**self.parts(child, kind.parts))

    def absent(self, part: Part) -> Any:
        """Return the empty value of a part that the sender left out."""
        kind = part.kind
        if isinstance(kind, Scalar):
            return {Scalar.BOOL: False, Scalar.INT: 0}.get(kind, "")
        if isinstance(kind, Struct):
            return kind.cls(**{each.attribute: self.absent(each) for each in kind.parts})
        return ()

    def array(self, element: etree._Element, array: Array) -> tuple[Any, ...]:
        kind = array.kind
        if kind is Special.PARAMETER_VALUE:
            return tuple([self.parameter_value(item) for item in element])
        if kind is Special.SET_ATTRIBUTES:
            return tuple(self.set_attributes(item) for item in element)
        if kind is Special.ARGUMENT:
            return tuple((_child(item, "Name"), _child(item, "Value")) for item in element)
        if isinstance(kind, Struct):
            return tuple(kind.cls(**self.parts(item, kind.parts)) for item in element)
        assert isinstance(kind, Scalar)
        return tuple(self.scalar(_text(item), kind, array.item) for item in element)

    def repeated(self, element: etree._Element, repeated: Repeated) -> Any:
        declared = _declared_type(element).rpartition(":")[2]
        struct = repeated.structs[0]
        for each in repeated.structs:
            if each.xsi_type.rpartition(":")[2] == declared:
                struct = each
        return struct.cls(**self.parts(element, struct.parts))

    def parameter_value(self, item: etree._Element) -> m.ParameterValue:
        name = value = ""
        declared = "xsd:string"
        for child in item:
            local = _local(child)
            if local == "Name":
                name = (child.text or "").strip()
            elif local == "Value":
                value = _text(child)
                declared = _value_type(child)
        return m.ParameterValue(name, value, declared)

    def set_attributes(self, item: etree._Element) -> m.SetParameterAttribute:
        access: tuple[str, ...] | None = None
        notification = None
        if _flag(_child(item, "AccessListChange")):
            lists = [child for child in item if _local(child) == "AccessList"]
            access = tuple(_text(each) for each in lists[0]) if lists else ()
        if _flag(_child(item, "NotificationChange")):
            notification = self.integer(_child(item, "Notification"), "Notification")
        return m.SetParameterAttribute(_child(item, "Name").strip(), notification, access)

    def fault(self, element: etree._Element) -> m.Fault:
        """Read a SOAP Fault, wherever the client put its CWMP detail (TR-069 A.5)."""
        detail = next(
            (each for each in element.iter() if each is not element and _local(each) == "Fault"), None
        )
        if detail is None:
            text = " ".join(" ".join(map(str, element.itertext())).split())[:256]
            numbers = _CPE_FAULT.findall(text)  # some clients put the number in place of the sentence
            return m.Fault(
                int(numbers[0]) if len(numbers) == 1 else 9002, text or "SOAP fault without detail"
            )
        parameters = tuple(
            m.SetParameterValuesFault(
                _child(each, "ParameterName").strip(),
                self.integer(_child(each, "FaultCode"), "FaultCode"),
                _child(each, "FaultString"),
            )
            for each in detail
            if _local(each) == "SetParameterValuesFault"
        )
        code = _child(detail, "FaultCode").strip()
        if not code.isascii() or not code.isdigit():  # some clients put the sentence in place of the number
            self.repairs.append(f"FaultCode: {code[:32]!r} is no number, read as 9002")
            return m.Fault(9002, _child(detail, "FaultString") or code[:256], parameters)
        return m.Fault(int(code[:9]), _child(detail, "FaultString"), parameters)


def _child(element: etree._Element, name: str) -> str:
    return next((_text(child) for child in element if _local(child) == name), "")


def _declared_type(element: etree._Element) -> str:
    for name, value in element.attrib.items():
        if str(name).rpartition("}")[2].rpartition(":")[2] == "type":
            return str(value).strip()
    return ""


def _value_type(element: etree._Element) -> str:
    """Return the declared type with the conventional prefix: the device's own means nothing to others."""
    declared = _declared_type(element)
    local = _TYPE_PREFIX.sub("", declared)
    if not local:
        return "xsd:string"
    return f"xsd:{local}" if local in _SCHEMA_TYPES else declared


def _namespace(element: etree._Element) -> str:
    """Return the CWMP namespace in force, the nearest known one where the version is unknown."""
    candidates = [uri for uri in (_uri(element), *element.nsmap.values()) if uri]
    for uri in candidates:
        if uri in _KNOWN_NAMESPACES:
            return uri
    versions = [found[1] + found[2] for found in map(_CWMP_NAMESPACE.search, candidates) if found]
    return _NAMESPACES.get(versions[0], m.CWMP_1_2) if versions else m.CWMP_1_0


def _arguments(element: etree._Element) -> tuple[tuple[str, str], ...]:
    """Return what an unknown call or answer says: the elements without children, by their path in it."""
    found: list[tuple[str, str]] = []
    for each in element.iterdescendants():
        if len(each) == 0:
            above = [_local(parent) for parent in each.iterancestors()]
            depth = len(above) - len(list(element.iterancestors())) - 1
            path = "/".join([*reversed(above[:depth]), _local(each)])
            found.append((path[:_LONGEST_PATH], (each.text or "")[:_LONGEST_ARGUMENT]))
            if len(found) == _MOST_ARGUMENTS:
                break
    return tuple(found)


def _header(element: etree._Element | None, reader: _Reader) -> m.Header:
    fields: dict[str, Any] = {}
    for child in element if element is not None else ():
        name, text = _local(child), _text(child)
        if name == "ID":
            fields["id"] = text.strip()[:256]
        elif name == "HoldRequests":
            fields["hold_requests"] = _flag(text)
        elif name == "NoMoreRequests":
            fields["no_more_requests"] = _flag(text)
        elif name == "SessionTimeout":
            fields["session_timeout"] = reader.integer(text, name)
        elif name == "SupportedCWMPVersions":
            fields["supported_cwmp_versions"] = tuple(
                each.strip() for each in text.split(",") if each.strip()
            )
        elif name == "UseCWMPVersion":
            fields["use_cwmp_version"] = text.strip()
    return m.Header(**fields)


def _sections(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    if _local(root) != "Envelope":
        raise DecodeError(f"the root element is {_local(root)[:64]!r}, a SOAP Envelope is expected")
    headers = [child for child in root if _local(child) == "Header"]
    bodies = [child for child in root if _local(child) == "Body"]
    if len(bodies) != 1:
        raise DecodeError(f"the Envelope has {len(bodies)} Body elements, one is expected")
    if len(bodies[0]) == 0:
        raise DecodeError("the SOAP Body is empty")
    return (headers[0] if headers else None), bodies[0]


def decode(body: bytes, *, charset: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Envelope:
    """Read one SOAP envelope.

    ``charset`` is the HTTP Content-Type's, tried when the bytes are not what XML says they are.
    Raises ``DecodeError`` when there is no message in the bytes or they exceed ``limits``.
    """
    root, repairs = read_document(body, charset=charset, limits=limits)
    header_element, body_element = _sections(root)
    reader = _Reader(repairs)
    element = body_element[0]
    name = _local(element)
    header = _header(header_element, reader)
    if name == "Fault":
        message: m.Message = reader.fault(element)
    elif name in m.METHODS:
        cls = m.METHODS[name]
        message = cls(**reader.parts(element, SHAPES[cls]))
    else:
        message = m.UnknownMethod(_uri(element), name, _arguments(element))
    return Envelope(message, header, _namespace(element), tuple(reader.repairs))
