"""Messages to bytes, in the one form that every client understands.

No XML declaration, ``cwmp:`` on the RPC element, unprefixed arguments, a Header with
``cwmp:ID``, ``xsi:type`` on every Value, booleans as ``1`` and ``0``: each was learnt from a
client that rejected the alternative. The namespace is the device's own (TR-069 3.4.1).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from acs.cwmp import messages as m
from acs.cwmp.codec.shape import SHAPES, Array, Part, Repeated, Scalar, Special, Struct
from acs.cwmp.faults import soap_faultcode

__all__ = ["encode"]

# Characters that XML 1.0 cannot carry, not even as references (XML 1.0 section 2.2).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile(r'[&<>"\r]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
# A type whose prefix the envelope does not declare would make it unreadable: it is sent as xsd:string.
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)
_TYPE = re.compile(r"(?:xsd|soap-enc|cwmp):[A-Za-z_][\w.-]*\Z", re.ASCII)


def _escape(text: str) -> str:
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text)
    if _FORBIDDEN.search(text):
        text = _FORBIDDEN.sub("\ufffd", text)
    return text


@lru_cache(maxsize=16)
def _frame(namespace: str) -> tuple[str, str, str]:
    """Return the text before the header fields, between header and body, and after the body."""
    opening = (
        '<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:soap-enc="http://schemas.xmlsoap.org/soap/encoding/"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xmlns:cwmp="{_escape(namespace)}"><soap-env:Header>'
    )
    return opening, "</soap-env:Header><soap-env:Body>", "</soap-env:Body></soap-env:Envelope>"


def _header(header: m.Header) -> str:
    out = []
    if header.id is not None:
        out.append(f'<cwmp:ID soap-env:mustUnderstand="1">{_escape(header.id)}</cwmp:ID>')
    if header.hold_requests is not None:
        out.append(
            f'<cwmp:HoldRequests soap-env:mustUnderstand="1">{header.hold_requests:d}</cwmp:HoldRequests>'
        )
    if header.no_more_requests is not None:
        out.append(
            f'<cwmp:NoMoreRequests soap-env:mustUnderstand="0">{header.no_more_requests:d}'
            "</cwmp:NoMoreRequests>"
        )
    if header.session_timeout is not None:
        out.append(
            f'<cwmp:SessionTimeout soap-env:mustUnderstand="0">{header.session_timeout}</cwmp:SessionTimeout>'
        )
    if header.supported_cwmp_versions:
        versions = _escape(",".join(header.supported_cwmp_versions))
        out.append(
            f'<cwmp:SupportedCWMPVersions soap-env:mustUnderstand="0">{versions}</cwmp:SupportedCWMPVersions>'
        )
    if header.use_cwmp_version is not None:
        out.append(
            f'<cwmp:UseCWMPVersion soap-env:mustUnderstand="1">{_escape(header.use_cwmp_version)}'
            "</cwmp:UseCWMPVersion>"
        )
    return "".join(out)


def _scalar(value: Any, kind: Scalar) -> str:
    if kind is Scalar.BOOL:
        return "1" if value else "0"
    if kind is Scalar.INT:
        return str(int(value))
    return _escape(value)


def _parameter_value(value: m.ParameterValue) -> str:
    declared = value.type if _TYPE.match(value.type) else "xsd:string"
    return f'<Name>{_escape(value.name)}</Name><Value xsi:type="{declared}">{_escape(value.value)}</Value>'


def _set_attributes(value: m.SetParameterAttribute) -> str:
    access = value.access_list or ()
    names = "".join(f"<string>{_escape(name)}</string>" for name in access)
    return (
        f"<Name>{_escape(value.name)}</Name>"
        f"<NotificationChange>{value.notification is not None:d}</NotificationChange>"
        f"<Notification>{value.notification or 0}</Notification>"
        f"<AccessListChange>{value.access_list is not None:d}</AccessListChange>"
        f'<AccessList soap-enc:arrayType="xsd:string[{len(access)}]">{names}</AccessList>'
    )


def _argument(pair: tuple[str, str]) -> str:
    return f"<Name>{_escape(pair[0])}</Name><Value>{_escape(pair[1])}</Value>"


_SPECIAL_WRITERS = {
    Special.PARAMETER_VALUE: _parameter_value,
    Special.SET_ATTRIBUTES: _set_attributes,
    Special.ARGUMENT: _argument,
}


def _array(items: tuple[Any, ...], element: str, array: Array) -> str:
    kind, item = array.kind, array.item
    if isinstance(kind, Special):
        write: Any = _SPECIAL_WRITERS[kind]
        body = "".join([f"<{item}>{write(value)}</{item}>" for value in items])
    elif isinstance(kind, Struct):
        body = "".join([f"<{item}>{_parts(value, kind.parts)}</{item}>" for value in items])
    else:
        body = "".join([f"<{item}>{_scalar(value, kind)}</{item}>" for value in items])
    return f'<{element} soap-enc:arrayType="{array.array_type}[{len(items)}]">{body}</{element}>'


def _repeated(items: tuple[Any, ...], element: str, repeated: Repeated) -> str:
    out = []
    for value in items:
        struct = next(struct for struct in repeated.structs if struct.cls is type(value))
        declared = f' xsi:type="{struct.xsi_type}"' if struct.xsi_type else ""
        out.append(f"<{element}{declared}>{_parts(value, struct.parts)}</{element}>")
    return "".join(out)


def _parts(value: Any, parts: tuple[Part, ...]) -> str:
    out = []
    for part in parts:
        content, kind, element = getattr(value, part.attribute), part.kind, part.element
        if isinstance(kind, Scalar):
            if kind is not Scalar.OPTIONAL_TEXT or content:
                out.append(f"<{element}>{_scalar(content, kind)}</{element}>")
        elif isinstance(kind, Array):
            out.append(_array(content, element, kind))
        elif isinstance(kind, Repeated):
            out.append(_repeated(content, element, kind))
        else:
            out.append(f"<{element}>{_parts(content, kind.parts)}</{element}>")
    return "".join(out)


def _fault(fault: m.Fault) -> str:
    parameters = "".join(
        f"<SetParameterValuesFault><ParameterName>{_escape(each.parameter_name)}</ParameterName>"
        f"<FaultCode>{each.code}</FaultCode><FaultString>{_escape(each.string)}</FaultString>"
        "</SetParameterValuesFault>"
        for each in fault.parameter_faults
    )
    return (
        f"<soap-env:Fault><faultcode>{soap_faultcode(fault.code)}</faultcode>"
        "<faultstring>CWMP fault</faultstring><detail><cwmp:Fault>"
        f"<FaultCode>{fault.code}</FaultCode><FaultString>{_escape(fault.string)}</FaultString>"
        f"{parameters}</cwmp:Fault></detail></soap-env:Fault>"
    )


def _unknown(message: m.UnknownMethod, cwmp: str) -> str:
    """Write a vendor's call: qualified as it says, as every other where that is by ``cwmp``; texts in it."""
    if not all(_NAME.match(each) for each in (message.name, *(name for name, _ in message.arguments))):
        raise ValueError(f"{message.name!r} or the name of an argument is no name of an XML element")
    uri = _escape(message.namespace)
    inner = "".join(f"<{name}>{_escape(value)}</{name}>" for name, value in message.arguments)
    if message.namespace == cwmp:
        return f"<cwmp:{message.name}>{inner}</cwmp:{message.name}>"
    if uri:
        return f'<vendor:{message.name} xmlns:vendor="{uri}">{inner}</vendor:{message.name}>'
    return f"<{message.name}>{inner}</{message.name}>"


def encode(message: m.Message, *, namespace: str = m.CWMP_1_0, header: m.Header | None = None) -> bytes:
    """Return ``message`` as a SOAP envelope in UTF-8.

    ``namespace`` is the CWMP namespace of the device; characters that XML cannot carry
    become U+FFFD. Raises ``KeyError`` for a class that is no message, and ``ValueError`` for an
    ``UnknownMethod`` whose names are no names of XML elements.
    """
    opening, middle, closing = _frame(namespace)
    if isinstance(message, m.Fault):
        body = _fault(message)
    elif isinstance(message, m.UnknownMethod):
        body = _unknown(message, namespace)
    else:
        name = type(message).__name__
        body = f"<cwmp:{name}>{_parts(message, SHAPES[type(message)])}</cwmp:{name}>"
    text = f"{opening}{_header(header) if header else ''}{middle}{body}{closing}"
    return text.encode("utf-8")
