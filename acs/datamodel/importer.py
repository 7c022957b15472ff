"""From ``dm:document`` to models: imports, data types, components, extension of models, profiles (TR-106 A).

Names of what is imported resolve in the document that uses them, so a vendor's document that extends a
standard model needs no more than that model's file. ``dmr:`` attributes are of the tools that print models;
``dmr:previousParameter`` is kept, the others change nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from acs.datamodel.about import attributes_of
from acs.datamodel.compact import Compact, ObjectSpec, ProfileSpec
from acs.datamodel.definitions import nearest, object_spec, parameter_facts, parameter_spec
from acs.datamodel.document import Document, Element, Folders, fail, local
from acs.datamodel.patterns import usable
from acs.datamodel.spec import ParameterSpec
from acs.datamodel.syntax import KEPT, Facets, Syntax, builtin, derive, standard_type, with_list

__all__ = ["Imported", "import_models"]

_DEPTH = 32
_MOST_PARAMETERS = 100_000
_NAME = re.compile(r"[A-Za-z_][\w-]{0,127}\Z", re.ASCII)
_PATH = re.compile(r"(?:(?:[A-Za-z_][\w-]*|\{i\})\.){1,40}\Z", re.ASCII)
_OBJECT_ORDER = ("", "notSpecified", "present", "delete", "create", "createDelete")
_ACCESS = {"readOnly": "R", "readWrite": "W", "writeOnceReadOnly": "O"}


@dataclass(frozen=True, slots=True)
class Imported:
    """A model in compact form, and what was noticed that the importer could mend (each with its place)."""

    name: str
    model: Compact
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """A model as it grows."""

    objects: dict[str, ObjectSpec] = field(default_factory=dict)
    parameters: dict[str, tuple[ParameterSpec, Syntax]] = field(default_factory=dict)
    profiles: dict[str, ProfileSpec] = field(default_factory=dict)


def import_models(
    path: Path, *, paths: Sequence[Path] = (), root: str = "", folders: Folders | None = None
) -> list[Imported]:
    """Read the models of a document. Raises ``AcsError`` naming file, line and remedy.

    ``paths`` are folders where imported documents are looked for beside the document's own. ``root`` is where
    the objects go: of a service model the object that holds the service (``Device.Services.`` by default), of
    a document that has components alone the object that they are put into (then it has to be given).
    """
    folders = Folders(paths) if folders is None else folders
    document = folders.open(path)
    if root and not root.endswith("."):
        root += "."
    reader = _Reader(folders)
    if document.models:
        return [
            reader.finish(document, name, element, root or "Device.Services.")
            for name, element in document.models.items()
        ]
    if not document.components:
        fail(
            document,
            document.root,
            "it has neither a model nor a component; import the document that uses it",
        )
    if not root:
        fail(
            document,
            document.root,
            f"it has no model, only the components {', '.join(document.components)}; say with --root where"
            " they go, for example --root Device.",
        )
    draft = _Draft()
    for element in document.components.values():
        reader.fill(document, element, draft, root, 0)
    return [reader.compact(document, document.spec.rpartition(":")[2] or path.stem, draft, "", root)]


class _Reader:
    """Resolves the definitions of documents, each once."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._types: dict[tuple[Path, str], Syntax] = {}
        self._warnings: list[str] = []
        self._busy: set[tuple[str, Path, str]] = set()

    def finish(self, document: Document, name: str, element: Element, services: str) -> Imported:
        """Return the model of this name."""
        draft = self._model(document, name, element, 0)
        prefix = services if element.get("isService") == "true" else ""
        return self.compact(document, name, draft, prefix, "")

    def compact(self, document: Document, name: str, draft: _Draft, prefix: str, root: str) -> Imported:
        """Return a finished draft, all its paths below ``prefix``."""
        objects = {prefix + path: replace(each, path=prefix + path) for path, each in draft.objects.items()}
        parameters = {
            prefix + path: parameter_spec(spec, syntax, prefix + path)
            for path, (spec, syntax) in draft.parameters.items()
        }
        for path in parameters:
            holder = path[: path.rfind(".") + 1]
            if holder and holder not in objects:
                objects[holder] = ObjectSpec(holder, writable=False)
        profiles = [
            ProfileSpec(
                each.name,
                {prefix + path: word for path, word in each.objects.items()},
                {prefix + path: word for path, word in each.parameters.items()},
                each.status,
            )
            for each in draft.profiles.values()
        ]
        for each in profiles:
            lost = next((path for path in each.parameters if path not in parameters), None)
            if lost:
                self._warnings.append(f"{document.path}: the profile {each.name} wants {lost}, which is gone")
        head = {
            "model": name,
            "document": document.spec,
            "file": document.path.name,
            "title": document.title,
            "root": root or next(iter(objects), ""),
        }
        head = {key: value for key, value in head.items() if value}
        model = Compact(head, tuple(objects.values()), tuple(parameters.values()), tuple(profiles))
        return Imported(name, model, tuple(dict.fromkeys(self._warnings)))

    # --- models and components --------------------------------------------------------------

    def _model(self, document: Document, name: str, element: Element, depth: int) -> _Draft:
        draft = _Draft()
        base = element.get("base")
        if base:
            with self._once("model", document, name, element):
                home, found, real = self._find("model", document, base, element)
                draft = self._model(home, real, found, depth + 1)
        self.fill(document, element, draft, "", depth)
        return draft

    def fill(self, document: Document, holder: Element, draft: _Draft, path: str, depth: int) -> None:
        """Add what a model, component or object says, at ``path``."""
        if depth > _DEPTH:
            fail(document, holder, f"components are nested more than {_DEPTH} deep; take a level out")
        for element in holder:
            match local(element):
                case "component":
                    self._component(document, element, draft, path, depth)
                case "object":
                    self._object(document, element, draft, path, depth)
                case "parameter":
                    self._parameter(document, element, draft, path)
                case "profile":
                    self._profile(document, element, draft, path)
                case _:
                    pass  # descriptions; commands and events belong to USP, not to CWMP
        if len(draft.parameters) > _MOST_PARAMETERS:
            fail(document, holder, f"the model has more than {_MOST_PARAMETERS} parameters; take it apart")

    def _component(self, document: Document, element: Element, draft: _Draft, path: str, depth: int) -> None:
        name = element.get("ref", "")
        home, found, real = self._find("component", document, name, element)
        with self._once("component", home, real, element):
            self.fill(home, found, draft, path + (element.get("path") or ""), depth + 1)

    def _object(self, document: Document, element: Element, draft: _Draft, path: str, depth: int) -> None:
        name, base = element.get("name"), element.get("base")
        target = path + (name or base or element.get("ref") or "")
        if not _PATH.match(target):
            fail(
                document,
                element,
                f"{target[:80]!r} is no path of an object; it is Name.Name.{{i}}. and the like",
            )
        known = draft.objects.get(target)
        if name is None and known is None:
            near = nearest(target, draft.objects)
            fail(document, element, f"it extends {target}, which the model does not have{near}")
        if element.get("status") == "deleted":
            for each in [each for each in draft.objects if each.startswith(target)]:
                del draft.objects[each]
            for each in [each for each in draft.parameters if each.startswith(target)]:
                del draft.parameters[each]
            return
        draft.objects[target] = object_spec(document, element, target, known)
        self.fill(document, element, draft, target, depth)

    # --- parameters -------------------------------------------------------------------------

    def _parameter(self, document: Document, element: Element, draft: _Draft, path: str) -> None:
        name = (element.get("name") or element.get("base") or "").strip()
        target = path + name
        if not _NAME.match(name):
            fail(
                document, element, f"{name[:80]!r} is no name of a parameter; it has letters, digits, _ and -"
            )
        known = draft.parameters.get(target)
        if element.get("name") is None and known is None:
            near = nearest(target, draft.parameters)
            fail(document, element, f"it extends {target}, which the model does not have{near}")
        if element.get("status") == "deleted":
            draft.parameters.pop(target, None)
            return
        old = known[0] if known else ParameterSpec(target, "string", "R")
        syntax = known[1] if known else None
        access = element.get("access")
        if access is not None and access not in _ACCESS:
            fail(document, element, f"the access {access!r} is none of {', '.join(_ACCESS)}")
        facts = dict(each.split("=", 1) for each in old.attributes.split(" ") if each)
        words, flags, default = parameter_facts(element), facts.get("is", ""), None
        for holder in element:
            if local(holder) == "syntax":
                syntax = self._syntax(document, holder, syntax if element.get("base") else None)
                flags = flags.translate({ord(each): None for each in "hsc"}) if element.get("name") else flags
                flags += "".join(
                    word[0] for word in ("hidden", "secured", "command") if holder.get(word) == "true"
                )
                default = next((each for each in holder if local(each) == "default"), default)
        if syntax is None:
            fail(document, element, f"{target} has no syntax; say its type, for example <string/>")
        self._check_patterns(document, element, syntax)
        if default is not None:
            words["default"] = default.get("value", "") if default.get("status") != "deleted" else None
            words["default_type"] = default.get("type", "")
        mixed = {**facts, **dict(each.split("=", 1) for each in attributes_of(words).split(" ") if each)}
        if flags or element.get("forcedInform") == "true":
            mixed["is"] = flags + ("f" if element.get("forcedInform") == "true" else "")
        attributes = " ".join(f"{key}={value}" for key, value in mixed.items())
        made = ParameterSpec(target, "", _ACCESS.get(access or "", old.access), attributes=attributes)
        draft.parameters[target] = (made, syntax)

    def _check_patterns(self, document: Document, element: Element, syntax: Syntax) -> None:
        for each in syntax.facets.patterns:
            if not usable(each):
                text = f"values are not checked against the pattern {each[:80]!r}: it could run for ever"
                self._warnings.append(f"{document.path}:{element.sourceline}: {text}")

    def _syntax(self, document: Document, holder: Element, old: Syntax | None) -> Syntax:
        new = builtin(document, holder, lambda name, element: self._type(document, name, element, 0))
        if old is None or old.base != new.base:
            return new
        # an extension says what is new: enumerations are added to the old ones
        values = dict(old.facets.values) | dict(new.facets.values)
        facets = Facets(
            new.facets.sizes or old.facets.sizes,
            new.facets.ranges or old.facets.ranges,
            tuple(values.items()),
            new.facets.patterns or old.facets.patterns,
        )
        return replace(
            new,
            facets=facets,
            units=new.units or old.units,
            refers_to=new.refers_to or old.refers_to,
            enumeration_of=new.enumeration_of or old.enumeration_of,
        )

    def _type(self, document: Document, name: str, element: Element, depth: int) -> Syntax:
        """Return the data type ``name`` as ``document`` knows it."""
        key = (document.path, name)
        if key in self._types:
            return self._types[key]
        if depth > _DEPTH:
            fail(document, element, f"the data type {name} comes from itself; break the circle")
        found = document.data_types.get(name)
        if found is None:
            standard = standard_type(name)
            if ("dataType", name) in document.imports:
                home = self._folders.imported(document, document.imports["dataType", name][0])
                if home is not None:
                    return self._type(home, document.imports["dataType", name][1], element, depth + 1)
                standard = standard or standard_type(document.imports["dataType", name][1])
            if standard is None:
                self._find("dataType", document, name, element)  # says what is missing
                raise AssertionError
            return standard
        base = found.get("base")
        if base:
            syntax = derive(document, self._type(document, base, found, depth + 1), found)
            syntax = with_list(document, syntax, found)
        else:
            syntax = builtin(
                document, found, lambda other, where: self._type(document, other, where, depth + 1)
            )
        alias = "Alias" if name in ("_AliasCWMP", "_AliasUSP", "_AliasCommon") else name
        made = replace(syntax, name=alias)
        if alias in KEPT and alias != "DiagnosticsState":
            made = Syntax(made.base, alias)  # ParameterSpec knows their rules by name
        self._types[key] = made
        return made

    # --- profiles ---------------------------------------------------------------------------

    def _profile(self, document: Document, element: Element, draft: _Draft, path: str) -> None:
        name = (element.get("name") or element.get("base") or element.get("ref") or "").strip()
        if element.get("status") == "deleted":
            draft.profiles.pop(name, None)
            return
        objects: dict[str, str] = {}
        parameters: dict[str, str] = {}
        for other in [element.get("base", "").strip(), *element.get("extends", "").split()]:
            known = draft.profiles.get(other)
            if known is not None:
                _join(objects, parameters, known.objects, known.parameters)
            elif other and other != name:
                text = f"the profile {name} builds on {other}, which is not there; it is taken without"
                self._warnings.append(f"{document.path}:{element.sourceline}: {text}")
        mine: tuple[dict[str, str], dict[str, str]] = ({}, {})
        for each in element:
            if local(each) == "parameter":
                mine[1][path + each.get("ref", "").strip()] = each.get("requirement", "readOnly")
            elif local(each) == "object":
                target = path + each.get("ref", "")
                mine[0][target] = each.get("requirement", "present")
                mine[1].update(
                    {
                        target + below.get("ref", "").strip(): below.get("requirement", "readOnly")
                        for below in each
                        if local(below) == "parameter"
                    }
                )
        _join(objects, parameters, *mine)
        draft.profiles[name] = ProfileSpec(name, objects, parameters, element.get("status", ""))

    # --- names ------------------------------------------------------------------------------

    def _find(
        self, kind: str, document: Document, name: str, element: Element, depth: int = 0
    ) -> tuple[Document, Element, str]:
        """Return where ``name`` is defined: the document, the definition, its name there."""
        own = document.defined(kind)
        if name in own:
            return document, own[name], name
        if (kind, name) not in document.imports:
            near = nearest(name, own)
            fail(document, element, f"there is no {kind} {name!r} here and none is imported{near}")
        declared, there = document.imports[kind, name]
        home = self._folders.imported(document, declared)
        wanted = declared.get("file") or declared.get("spec") or "?"
        if home is None:
            fail(
                document,
                declared,
                f"it imports {kind} {there!r} from {wanted}, which is not beside it; put that file there, or"
                " name its folder with --path",
            )
        if depth > _DEPTH:
            fail(document, declared, f"the imports of {name!r} lead in a circle; break it")
        if there not in home.defined(kind) and (kind, there) not in home.imports:
            fail(document, declared, f"{home.path} was found for {wanted}; it has no {kind} {there!r}")
        return self._find(kind, home, there, element, depth + 1)

    def _once(self, kind: str, document: Document, name: str, element: Element) -> _Visit:
        key = (kind, document.path, name)
        if key in self._busy:
            fail(document, element, f"the {kind} {name!r} contains itself; break the circle")
        return _Visit(self._busy, key)


class _Visit:
    """Notes for as long as it is entered that a definition is being read."""

    def __init__(self, busy: set[tuple[str, Path, str]], key: tuple[str, Path, str]) -> None:
        self._busy, self._key = busy, key

    def __enter__(self) -> None:
        self._busy.add(self._key)

    def __exit__(self, *_: object) -> None:
        self._busy.discard(self._key)


def _join(
    objects: dict[str, str],
    parameters: dict[str, str],
    more_objects: Mapping[str, str],
    more_parameters: Mapping[str, str],
) -> None:
    """Add requirements to those there are; of two for one thing the greater counts."""
    for path, word in more_objects.items():
        objects[path] = max(objects.get(path, ""), word, key=_OBJECT_ORDER.index)
    for path, word in more_parameters.items():
        parameters[path] = "readWrite" if "readWrite" in (word, parameters.get(path)) else word
