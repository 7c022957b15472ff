"""The syntax of a parameter in a ``dm:document``: data types and their facets (TR-106 A.2.3). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

from acs.datamodel.document import Document, Element, fail, local
from acs.datamodel.spec import Bound

__all__ = ["KEPT", "Facets", "Syntax", "builtin", "derive", "standard_type"]

KEPT = frozenset(
    (
        "Alias",
        "DiagnosticsState",
        "IPAddress",
        "IPPrefix",
        "IPv4Address",
        "IPv4Prefix",
        "IPv6Address",
        "IPv6Prefix",
        "MACAddress",
        "Order",
        "StatsCounter32",
        "StatsCounter64",
        "URL",
        "UUID",
    )
)
"""Types of TR-106 whose rules ``ParameterSpec`` knows by name."""
_BUILTIN = frozenset(
    (
        "base64",
        "boolean",
        "dateTime",
        "decimal",
        "hexBinary",
        "int",
        "long",
        "string",
        "unsignedInt",
        "unsignedLong",
    )
)
_FACETS = frozenset(
    (
        "size",
        "instanceRef",
        "pathRef",
        "range",
        "decimalRange",
        "enumeration",
        "enumerationRef",
        "pattern",
        "units",
    )
)
_GONE = "deleted"

Find = Callable[[str, Element], "Syntax"]


@dataclass(frozen=True, slots=True)
class Facets:
    """What limits a value."""

    sizes: tuple[tuple[int, int | None], ...] = ()
    ranges: tuple[tuple[Bound, Bound, int], ...] = ()
    values: tuple[tuple[str, bool], ...] = ()  # each with whether only the device takes it on
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Syntax:
    """A resolved data type: its built-in base, the named type it comes from, and what limits it."""

    base: str
    name: str = ""
    facets: Facets = field(default_factory=Facets)
    units: str = ""
    refers_to: str = ""
    enumeration_of: str = ""
    is_list: bool = False
    list_sizes: tuple[tuple[int, int | None], ...] = ()
    items: tuple[int, int | None] | None = None


_STANDARD = {
    "_AliasCommon": Syntax("string", facets=Facets(sizes=((0, 64),))),
    "Dbm1000": Syntax("int"),
    "IEEE_EUI64": Syntax(
        "string", facets=Facets(((0, 23),), patterns=("", "([0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}"))
    ),
    "JSONObject": Syntax("string"),
    "PLMNId": Syntax("unsignedInt"),
    "URI": Syntax("string", facets=Facets(sizes=((0, 2048),))),
    "URN": Syntax(
        "string", facets=Facets(((0, 2048),), patterns=("urn:[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]:.+",))
    ),
    "ZigBeeNetworkAddress": Syntax("string", facets=Facets(((0, 4),), patterns=("", "[0-9A-Fa-f]{4}"))),
    "DiagnosticsState": Syntax(
        "string",
        facets=Facets(
            values=(
                ("None", True),
                ("Requested", False),
                ("Canceled", False),
                ("Complete", True),
                ("Error", True),
            )
        ),
    ),
    "Order": Syntax("unsignedInt", facets=Facets(ranges=((1, None, 0),))),
    "StatsCounter32": Syntax("unsignedInt"),
    "StatsCounter64": Syntax("unsignedLong"),
}
"""The types of TR-106, for documents that are imported without it."""
_ALIASES = {"_AliasCWMP": "Alias", "_AliasUSP": "Alias"}


def standard_type(name: str) -> Syntax | None:
    """Return a data type of TR-106 by name, None when it has none of this name."""
    name = _ALIASES.get(name, name)
    if name in _STANDARD:
        return replace(_STANDARD[name], name=name)
    return Syntax("string", name) if name in KEPT else None


def builtin(document: Document, holder: Element, find: Find) -> Syntax:
    """Return the syntax that the children of ``syntax`` or ``dataType`` say. Raises ``AcsError``."""
    syntax: Syntax | None = None
    for element in holder:
        name = local(element)
        if name in _BUILTIN:
            syntax = derive(document, Syntax(name), element)
        elif name == "dataType":
            reference = element.get("ref") or element.get("base") or ""
            syntax = derive(document, find(reference, element), element)
    if syntax is None:
        fail(document, holder, "it has no data type; name one, for example <string/>")
    return with_list(document, syntax, holder)


def with_list(document: Document, syntax: Syntax, holder: Element) -> Syntax:
    """Return the syntax as a list where ``holder`` has a ``list`` facet."""
    for element in holder:
        if local(element) == "list":
            sizes = tuple(_size(document, each) for each in element if _holds(each, "size"))
            items = (_number(document, element, "minItems") or 0, _number(document, element, "maxItems"))
            return replace(
                syntax, is_list=True, list_sizes=sizes, items=None if items == (0, None) else items
            )
    return syntax


def derive(document: Document, base: Syntax, element: Element) -> Syntax:
    """Return ``base`` with the facets below ``element``, which take the place of the old ones.

    Enumerations that name none of the old values are added to them (``Error_…`` of a DiagnosticsState).
    """
    facets = [each for each in element if local(each) in _FACETS and each.get("status") != _GONE]
    of = {name: [each for each in facets if local(each) == name] for name in _FACETS}
    old = base.facets
    given = [each for each in element if local(each) == "enumeration"]
    restated = any(each.get("value") in dict(old.values) for each in given)
    values = {} if restated else dict(old.values)
    for each in given:
        if each.get("status") != _GONE:
            values[each.get("value", "")] = each.get("access") == "readOnly"
    sizes = [_size(document, each) for each in of["size"]]
    new = Facets(
        tuple(each for each in sizes if each != (0, None)) or old.sizes,
        tuple(_range(document, each) for each in of["range"] + of["decimalRange"]) or old.ranges,
        tuple(values.items()),
        tuple(each.get("value", "") for each in of["pattern"]) or old.patterns,
    )
    return replace(
        base,
        facets=new,
        units=next((each.get("value", "") for each in of["units"]), base.units),
        refers_to=next((_reference(each) for each in of["pathRef"] + of["instanceRef"]), base.refers_to),
        enumeration_of=next(
            (each.get("targetParam", "") for each in of["enumerationRef"]), base.enumeration_of
        ),
    )


def _reference(element: Element) -> str:
    """Return where a reference points: its ``targetParent``, or what kind of thing it is."""
    return " ".join(element.get("targetParent", "").split()) or element.get("targetType", "any")


def _holds(element: Element, name: str) -> bool:
    return local(element) == name and element.get("status") != _GONE


def _size(document: Document, element: Element) -> tuple[int, int | None]:
    return _number(document, element, "minLength") or 0, _number(document, element, "maxLength")


def _number(document: Document, element: Element, name: str) -> int | None:
    text = element.get(name)
    if text is None or text == "unbounded":
        return None
    if not text.strip().isdecimal() or len(text) > 20:
        fail(document, element, f"{name} is {text[:40]!r}; it is a number")
    return int(text)


def _range(document: Document, element: Element) -> tuple[Bound, Bound, int]:
    low, high = (_bound(document, element, name) for name in ("minInclusive", "maxInclusive"))
    if low is not None and high is not None and low > high:
        fail(document, element, f"the range {low}..{high} holds nothing; exchange its ends")
    return low, high, _number(document, element, "step") or 0


def _bound(document: Document, element: Element, name: str) -> Bound:
    text = (element.get(name) or "").strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        fail(document, element, f"{name} is {text[:40]!r}; it is a number")
    if not number.is_finite() or abs(number) > Decimal(2) ** 70:
        fail(document, element, f"{name} is {text[:40]!r}; no type of TR-106 reaches that far")
    return int(number) if number == number.to_integral_value() else number
