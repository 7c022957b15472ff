"""What one definition of a ``dm:document`` becomes in the compact form. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from acs.datamodel.about import attributes_of
from acs.datamodel.compact import ObjectSpec
from acs.datamodel.document import Document, Element, fail, local
from acs.datamodel.spec import ParameterSpec
from acs.datamodel.syntax import KEPT, Syntax

__all__ = ["attribute", "nearest", "object_spec", "parameter_facts", "parameter_spec"]

_ACCESS = {"readOnly": False, "readWrite": True}
_REPORT = "datamodel-report-"


def attribute(element: Element, name: str) -> str:
    """Return an attribute, or the one of this name in the report namespace (``dmr:``); empty when absent."""
    own = element.get(name)
    if own is not None:
        return str(own)
    for key, value in element.attrib.items():
        if _REPORT in str(key) and str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for a name that is not known, empty where nothing is near."""
    found = get_close_matches(name, list(known), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def object_spec(document: Document, element: Element, path: str, known: ObjectSpec | None) -> ObjectSpec:
    """Return an object as its definition says, over what is known of it."""
    access = element.get("access")
    if access is not None and access not in _ACCESS:
        fail(document, element, f"the access {access!r} of an object is none of {', '.join(_ACCESS)}")
    keys = tuple(
        tuple(each.get("ref", "") for each in key if local(each) == "parameter")
        for key in element
        if local(key) == "uniqueKey"
    )
    base = known or ObjectSpec(path, writable=False)
    entries = base.entries
    if path.endswith("{i}.") and (element.get("minEntries") or element.get("maxEntries")):
        entries = _entries(document, element)
    return replace(
        base,
        path=path,
        writable=base.writable if access is None else _ACCESS[access],
        counter=element.get("numEntriesParameter") or base.counter,
        unique_keys=keys or base.unique_keys,
        entries=entries,
        enable=element.get("enableParameter") or base.enable,
        status=element.get("status") or base.status,
        version=attribute(element, "version") or base.version,
    )


def _entries(document: Document, element: Element) -> tuple[int, int | None] | None:
    low, high = element.get("minEntries", "0"), element.get("maxEntries", "unbounded")
    if not low.isdecimal() or not (high.isdecimal() or high == "unbounded") or len(low + high) > 40:
        fail(
            document,
            element,
            f"{low[:20]!r} to {high[:20]!r} is no number of entries",
        )
    found = (int(low), None if high == "unbounded" else int(high))
    return None if found == (0, None) else found


def parameter_facts(element: Element) -> dict[str, object]:
    """Return what the attributes of a parameter's definition say, as fields of ``About``."""
    status = element.get("status", "")
    return {
        "active_notify": element.get("activeNotify", "").replace("normal", ""),
        "status": "" if status == "current" else status,
        "version": attribute(element, "version"),
        "previous": attribute(element, "previousParameter"),
    }


def parameter_spec(spec: ParameterSpec, syntax: Syntax, path: str) -> ParameterSpec:
    """Return a parameter at ``path`` with the rules that its syntax gives it."""
    kept = syntax.name in KEPT
    kind = syntax.name if kept else syntax.base
    flags = _flags(spec)
    # what is secured reads as empty, like what is hidden, to all that may not see it (TR-106 A.2)
    marks = [word for word, found in (("hidden", {"h", "s"}), ("command", {"c"})) if found & set(flags)]
    words = [*marks, *(["list"] if syntax.is_list else []), kind]
    facets = syntax.facets
    single = len(facets.sizes) == 1 and not facets.sizes[0][0]
    highs = [high for _, high in facets.sizes]
    limit = max(high for high in highs if high is not None) if highs and None not in highs else None
    list_sizes = [high for _, high in syntax.list_sizes if high is not None]
    facts: dict[str, object] = {"units": syntax.units, "refers_to": syntax.refers_to}
    facts["enumeration_of"] = syntax.enumeration_of
    if syntax.name and not kept:
        facts["data_type"] = syntax.name
    return replace(
        spec,
        path=path,
        type=" ".join(words),
        values=tuple(value or "<empty>" for value, _ in facets.values),
        fixed=tuple(value or "<empty>" for value, fixed in facets.values if fixed),
        ranges=tuple((low, high) for low, high, _ in facets.ranges),
        steps=tuple(step for *_, step in facets.ranges) if any(step for *_, step in facets.ranges) else (),
        maximum_length=(max(list_sizes) if list_sizes else None) if syntax.is_list else limit,
        maximum_item_length=limit if syntax.is_list else None,
        lengths=() if single else facets.sizes,
        items=syntax.items,
        patterns=facets.patterns,
        attributes=" ".join(filter(None, (spec.attributes, attributes_of(facts)))),
    )


def _flags(spec: ParameterSpec) -> str:
    return next((each[3:] for each in spec.attributes.split(" ") if each.startswith("is=")), "")
