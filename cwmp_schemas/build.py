"""Write the CWMP schemas from the codec's table and the facts of TR-069: ``python -m cwmp_schemas.build``."""

from __future__ import annotations

import sys

from lxml import etree

from acs.cwmp.codec.shape import SHAPES, Array, Part, Repeated, Scalar, Special, Struct
from acs.cwmp.versions import NAMESPACES, introduced, minor_of
from cwmp_schemas import FOLDER
from cwmp_schemas.facts import OCCURS, OPTIONAL, Occurs, Simple, simple_type

__all__ = ["NAMESPACES", "build", "exists", "main"]

_XS = "http://www.w3.org/2001/XMLSchema"
_SOAP_ENV = "http://schemas.xmlsoap.org/soap/envelope/"
_SOAP_ENC = "http://schemas.xmlsoap.org/soap/encoding/"
_OPERATION = "OperationStruct"

# Header fields: name, type, mustUnderstand, minor number of the namespace (TR-069 table 5).
_HEADER = (
    ("ID", "xs:string", "1", 0),
    ("HoldRequests", "xs:boolean", "1", 0),
    ("NoMoreRequests", "xs:boolean", "0", 0),
    ("SessionTimeout", "xs:unsignedInt", "0", 2),
    ("SupportedCWMPVersions", "xs:string", "0", 2),
    ("UseCWMPVersion", "xs:string", "1", 2),
)


def exists(method: str, namespace: str) -> bool:
    """Tell whether ``namespace`` has the request or response ``method``."""
    return introduced(method) <= minor_of(namespace)


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_XS}}}{tag}", attributes)


def _occurs(occurs: Occurs) -> dict[str, str]:
    low, high = occurs
    out = {} if low == 1 else {"minOccurs": str(low)}
    return out if high == 1 else {**out, "maxOccurs": "unbounded" if high is None else str(high)}


class _Builder:
    """One schema in the making."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.minor = NAMESPACES.index(namespace)
        prefixes = {"xs": _XS, "soap-env": _SOAP_ENV, "soap-enc": _SOAP_ENC, "cwmp": namespace}
        self.root = etree.Element(f"{{{_XS}}}schema", {"targetNamespace": namespace}, nsmap=prefixes)
        _add(self.root, "import", namespace=_SOAP_ENV, schemaLocation="soap-envelope.xsd")
        _add(self.root, "import", namespace=_SOAP_ENC, schemaLocation="soap-encoding.xsd")
        self.named: set[str] = set()

    def build(self) -> etree._Element:
        for name, base, must, since in _HEADER:
            if since <= self.minor:
                self.header(name, base, must)
        self.fault()
        for cls, parts in SHAPES.items():
            if exists(cls.__name__, self.namespace):
                content = _add(_add(self.root, "element", name=cls.__name__), "complexType")
                self.parts(content, cls.__name__, parts)
        return self.root

    def header(self, name: str, base: str, must: str) -> None:
        content = _add(_add(self.root, "element", name=name), "complexType")
        extension = _add(_add(content, "simpleContent"), "extension", base=base)
        use = "required" if must == "1" else "optional"
        _add(extension, "attribute", ref="soap-env:mustUnderstand", use=use, fixed=must)

    def fault(self) -> None:
        sequence = _add(_add(_add(self.root, "element", name="Fault"), "complexType"), "sequence")
        self.simple(sequence, "Fault", "FaultCode")
        self.simple(sequence, "Fault", "FaultString", (0, 1))
        each = _add(sequence, "element", name="SetParameterValuesFault", **_occurs((0, None)))
        inner = _add(_add(each, "complexType"), "sequence")
        self.simple(inner, "SetParameterValuesFault", "ParameterName")
        self.simple(inner, "SetParameterValuesFault", "FaultCode")
        self.simple(inner, "SetParameterValuesFault", "FaultString", (0, 1))

    def simple(self, parent: etree._Element, owner: str, name: str, occurs: Occurs = (1, 1)) -> None:
        self.typed(parent, name, simple_type(owner, name, self.minor), occurs)

    def typed(self, parent: etree._Element, name: str, simple: Simple, occurs: Occurs) -> None:
        if not simple.facets:
            _add(parent, "element", name=name, type=simple.base, **_occurs(occurs))
            return
        element = _add(parent, "element", name=name, **_occurs(occurs))
        restriction = _add(_add(element, "simpleType"), "restriction", base=simple.base)
        for facet, value in simple.facets:
            _add(restriction, facet, value=value)

    def parts(self, content: etree._Element, owner: str, parts: tuple[Part, ...]) -> None:
        if not parts:
            return
        sequence = _add(content, "sequence")
        for part in parts:
            self.part(sequence, owner, part)

    def part(self, sequence: etree._Element, owner: str, part: Part) -> None:
        kind = part.kind
        if isinstance(kind, Scalar):
            optional = kind is Scalar.OPTIONAL_TEXT or f"{owner}.{part.element}" in OPTIONAL
            occurs = (0 if optional else 1, 1)
            # TR-069 has one flag that is no boolean: the facts come first
            try:
                simple = simple_type(owner, part.element, self.minor)
            except KeyError:
                if kind is not Scalar.BOOL:
                    raise
                simple = Simple("xs:boolean")
            self.typed(sequence, part.element, simple, occurs)
        elif isinstance(kind, Array):
            self.array(_add(sequence, "element", name=part.element), part.element, kind)
        elif isinstance(kind, Repeated):
            self.repeated(sequence, part.element, kind)
        else:
            content = _add(_add(sequence, "element", name=part.element), "complexType")
            self.parts(content, kind.cls.__name__, kind.parts)

    def array(self, element: etree._Element, owner: str, array: Array) -> None:
        content = _add(_add(element, "complexType"), "complexContent")
        restriction = _add(content, "restriction", base="soap-enc:Array")
        sequence = _add(restriction, "sequence")
        if isinstance(array.kind, Scalar):
            self.simple(sequence, owner, array.item, OCCURS[f"{owner}.{array.item}"])
        else:
            self.item(array.item, array.kind)
            occurs = _occurs(OCCURS[array.item])
            _add(sequence, "element", name=array.item, type=f"cwmp:{array.item}", **occurs)
        _add(restriction, "attribute", ref="soap-enc:arrayType", use="required")

    def item(self, name: str, kind: Struct | Special) -> None:
        """Define the type of an array's items once."""
        if name in self.named:
            return
        self.named.add(name)
        content = _add(self.root, "complexType", name=name)
        if isinstance(kind, Struct):
            self.parts(content, kind.cls.__name__, kind.parts)
            return
        sequence = _add(content, "sequence")
        self.simple(sequence, name, "Name")
        if kind is Special.SET_ATTRIBUTES:
            _add(sequence, "element", name="NotificationChange", type="xs:boolean")
            self.simple(sequence, name, "Notification")
            _add(sequence, "element", name="AccessListChange", type="xs:boolean")
            strings = Array("string", "xsd:string", Scalar.TEXT)
            self.array(_add(sequence, "element", name="AccessList"), "AccessList", strings)
        else:
            self.simple(sequence, name, "Value")

    def repeated(self, sequence: etree._Element, element: str, repeated: Repeated) -> None:
        if len(repeated.structs) == 1:
            struct = repeated.structs[0]
            each = _add(sequence, "element", name=element, **_occurs((1, None)))
            self.parts(_add(each, "complexType"), struct.cls.__name__, struct.parts)
            return
        _add(sequence, "element", name=element, type=f"cwmp:{_OPERATION}", **_occurs((1, None)))
        _add(self.root, "complexType", name=_OPERATION, abstract="true")
        for struct in repeated.structs:
            content = _add(self.root, "complexType", name=struct.xsi_type.rpartition(":")[2])
            extension = _add(_add(content, "complexContent"), "extension", base=f"cwmp:{_OPERATION}")
            self.parts(extension, struct.cls.__name__, struct.parts)


def build(namespace: str) -> bytes:
    """Return the schema of a CWMP namespace as the bytes of its file."""
    root = _Builder(namespace).build()
    text: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return text


def main() -> None:
    """Write all schemas beside this module."""
    for namespace in NAMESPACES:
        path = FOLDER / f"{namespace.rpartition(':')[2]}.xsd"
        path.write_bytes(build(namespace))
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
