"""Reading ``dm:document`` files of the Broadband Forum (datamodel XSD 1-0 to 1-15): safely, with the line.

A document may come from anywhere: nothing outside the given folders is read, no external entity is loaded,
and of a document type only plain internal entities are accepted (TR-106's own types have some).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from lxml import etree

from acs.errors import AcsError

__all__ = ["Document", "Element", "Folders", "fail", "local", "read_document"]

Element = etree._Element

_NAMESPACE = re.compile(r"urn:broadband-forum-org:cwmp:datamodel-1-\d+\Z")
_MOST_BYTES = 64 * 1024 * 1024
_LITERAL = r"""(?:"[^"&%<]{0,1024}"|'[^'&%<]{0,1024}')"""
_HARMLESS = re.compile(
    rf"<!DOCTYPE\s+[\w.:-]+\s*\[(?:\s|<!--(?:[^-]|-(?!->))*-->|<!ENTITY\s+[\w.-]+\s+{_LITERAL}\s*>)*\]\s*>"
)
_VERSION = re.compile(r"(?:-\d+)*\Z")


@dataclass(slots=True)
class Document:
    """One file: its definitions by name, and where those come from that it imports."""

    path: Path
    root: Element
    spec: str
    data_types: dict[str, Element] = field(default_factory=dict)
    components: dict[str, Element] = field(default_factory=dict)
    models: dict[str, Element] = field(default_factory=dict)
    imports: dict[tuple[str, str], tuple[Element, str]] = field(default_factory=dict)
    """(kind, local name) to the import element and the name in the imported file."""

    def defined(self, kind: str) -> dict[str, Element]:
        """Return what the document itself defines of a kind: model, component or dataType."""
        return {"model": self.models, "component": self.components, "dataType": self.data_types}[kind]

    @property
    def title(self) -> str:
        """The first line of the document's description."""
        text = " ".join((child_text(self.root, "description")).split())
        return text[:120]


def local(element: Element) -> str:
    """Return the element's name without namespace."""
    tag = element.tag
    return str(tag).rpartition("}")[2]


def child_text(element: Element, name: str) -> str:
    """Return the text of the first child of this name."""
    return next(("".join(map(str, each.itertext())) for each in element if local(each) == name), "")


def fail(document: Document, element: Element | None, text: str) -> NoReturn:
    """Raise ``AcsError`` naming the file and the line."""
    line = element.sourceline if element is not None else None
    raise AcsError(f"{document.path}:{line or 1}: {text}")


def read_document(path: Path) -> Document:
    """Read one file. Raises ``AcsError`` naming file, line and remedy."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AcsError(f"{path}: it has more than {_MOST_BYTES} bytes; a data model has a few million")
        data = path.read_bytes()
    except OSError as error:
        raise AcsError(f"can't read the data model {path}: {error.strerror or error}") from error
    declared = _check_document_type(path, data)
    parser = etree.XMLParser(
        resolve_entities=declared,  # those just checked; others would be left as they are
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise AcsError(f"{path}:{line}: this is no well-formed XML: {error.msg}; repair the file") from error
    if root.getroottree().docinfo.internalDTD is not None and not declared:
        raise AcsError(f"{path}:1: a document type is hidden in it; remove it")
    namespace = etree.QName(root).namespace or ""
    if local(root) != "document" or not _NAMESPACE.match(namespace):
        raise AcsError(
            f"{path}:{root.sourceline}: the root is {local(root)!r} in {namespace!r}, no dm:document; give a"
            " data model of the Broadband Forum (urn:broadband-forum-org:cwmp:datamodel-1-…)"
        )
    document = Document(path, root, root.get("spec", ""))
    for element in root:
        _note(document, element)
    return document


def _check_document_type(path: Path, data: bytes) -> bool:
    """Return whether there is a harmless document type; raise when there is another one."""
    text = data.replace(b"\0", b"").decode("utf-8", "replace")  # good enough to find one in UTF-16 too
    start = text.find("<!DOCTYPE")
    if start < 0:
        return False
    found = _HARMLESS.match(text, start)
    if found is None or found[0].count("<!ENTITY") > 64:
        line = text.count("\n", 0, start) + 1
        raise AcsError(
            f"{path}:{line}: its document type declares more than plain internal entities; remove it from the"
            " file (a data model needs none)"
        )
    return True


def _note(document: Document, element: Element) -> None:
    name = element.get("name", "")
    match local(element):
        case "dataType":
            document.data_types[name] = element
        case "component":
            document.components[name] = element
        case "model":
            document.models[name] = element
        case "import":
            for each in element:
                wanted = each.get("name", "")
                document.imports[local(each), wanted] = (element, each.get("ref") or wanted)


class Folders:
    """Where imported documents are looked for: beside the importing file, then in the given folders."""

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self._paths = tuple(paths)
        self._read: dict[Path, Document] = {}

    def open(self, path: Path) -> Document:
        """Read a file once."""
        key = path.resolve()
        if key not in self._read:
            self._read[key] = read_document(path)
        return self._read[key]

    def imported(self, document: Document, element: Element) -> Document | None:
        """Return the document that an ``import`` element means, None when it is nowhere.

        A file of exactly that name goes first; then, as TR-106 A.2.1.1 has it for a ``spec`` that leaves
        the corrigendum open, the newest document of this spec (also ``-full`` and ``-cwmp`` versions).
        """
        wanted, spec = Path(element.get("file", "")).name, element.get("spec", "")
        for folder in (document.path.parent, *self._paths):
            if wanted and (folder / wanted).is_file():
                return self.open(folder / wanted)
        for folder in (document.path.parent, *self._paths):
            for path in self._candidates(folder, wanted, spec):
                try:
                    found = self.open(path)
                except AcsError:
                    continue  # it was not asked for by name
                if found.path.resolve() != document.path.resolve() and _same_spec(found.spec, spec):
                    return found
        return None

    @staticmethod
    def _candidates(folder: Path, wanted: str, spec: str) -> Iterator[Path]:
        """Yield files of this folder whose name begins like the wanted one, the newest version first."""
        stem = spec.rpartition(":")[2] or wanted.removesuffix(".xml")
        family = re.match(r"[a-z]+-\d+", stem)
        if family is None:
            return
        found = [each for each in folder.glob(f"{family[0]}-*.xml") if each.is_file()]
        types = "types" in wanted
        fitting = [each for each in found if ("types" in each.name) == types]
        yield from sorted(fitting, key=lambda each: _numbers(each.name), reverse=True)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))


def _same_spec(found: str, wanted: str) -> bool:
    """Return whether a document of spec ``found`` answers an import of ``wanted``."""
    found, wanted = found.removesuffix("-cwmp"), wanted.removesuffix("-cwmp")
    if found == wanted or found.startswith(wanted + "-"):
        return True
    # tr-106 is the spec of its types since they are one file; tr-106-1-0 was the first of many
    return wanted.startswith(found + "-") and _VERSION.sub("", wanted) == found
