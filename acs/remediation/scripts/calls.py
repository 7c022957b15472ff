"""What the source of a playbook gets wrong about the case: names, arguments, what nobody awaits. Pure."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from acs.remediation.playbooks import configure, parts
from acs.remediation.scripts.lint import Problem

__all__ = ["find_misuse", "find_undeclared"]

_Found = tuple[int, str]  # line and sentence
_Function = ast.AsyncFunctionDef | ast.FunctionDef
_TAKERS = (
    *(ast.Await, ast.Return, ast.Call, ast.keyword, ast.Starred, ast.List, ast.Tuple, ast.Lambda),
    *(ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.Dict),
)
"""What a coroutine may be handed to: there others await it, ``case.parallel`` for example."""
_NO_TAKERS = frozenset(("bool", "demand", "len", "repr", "str"))  # functions that want what is awaited
_QUOTED = re.compile(r"(?<=[:>] )'([^']+)'")  # an annotation


def find_misuse(tree: ast.Module, file: str) -> list[Problem]:
    """Return where calls of the case are misspelt, lack an argument, or are not awaited, as sentences."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    look = _Look(parents, _coroutines_of(tree))
    found = {each for node in ast.walk(tree) if isinstance(node, _Function) for each in look.function(node)}
    return [Problem(f"{file}:{line}: {text}") for line, text in sorted(found)]


def find_undeclared(tree: ast.Module) -> int | None:
    """Return the line of the first function that could be a playbook, for a file that declares none."""
    found = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    return next((node.lineno for node in found if _names_of_the_case(node)), None)


@dataclass(frozen=True, slots=True)
class _Look:
    parents: dict[ast.AST, ast.AST]
    coroutines: frozenset[str]  # what the file declares or imports that has to be awaited

    def function(self, function: _Function) -> Iterator[_Found]:
        names = _names_of_the_case(function)
        for node in ast.walk(function):
            match node:
                case ast.Attribute(value=ast.Name(id=name), ctx=ast.Load()) if name in names:
                    yield from self.attribute(node, name, function)
                case ast.Call(func=ast.Name(id=name)) if name in self.coroutines:
                    yield from self.awaited(node, f"{name}(…)", function)
                case _:
                    pass

    def attribute(self, node: ast.Attribute, case: str, function: _Function) -> Iterator[_Found]:
        """Look at one use of what the case offers."""
        name, parent = node.attr, self.parents[node]
        called = f"{case}.{name}"
        offered = _offered()
        if name not in offered:
            close = get_close_matches(name, offered, n=1, cutoff=0.6)
            remedy = f"did you mean {case}.{close[0]}?" if close else "see docs/playbooks.md for what it has"
            yield node.lineno, f"a case has no {name}; {remedy}"
        elif not isinstance(parent, ast.Call) or parent.func is not node:
            if isinstance(parent, ast.Await):
                remedy = f"call it: await {called}(…)" if offered[name] else "write it without await"
                yield node.lineno, f"{called} can't be awaited like this; {remedy}"
        elif offered[name] is None:
            yield node.lineno, f"{called} is a value and no call; write it without parentheses"
        elif wrong := _unfitting(parent, offered[name]):
            yield node.lineno, f"{called}: {wrong}"
        elif inspect.iscoroutinefunction(offered[name]):
            yield from self.awaited(parent, f"{called}(…)", function)
        elif isinstance(self.parents[parent], ast.Await):
            yield node.lineno, f"{called}(…) is no step; write it without await"

    def awaited(self, call: ast.Call, text: str, function: _Function) -> Iterator[_Found]:
        """Look whether somebody awaits a call."""
        node: ast.AST = call
        while isinstance(above := self.parents[node], ast.IfExp) and above.test is not node:
            node = above
        match self.parents[node]:
            case ast.Assign(targets=[ast.Name(id=kept)]) | ast.AnnAssign(target=ast.Name(id=kept)):
                uses = (each for each in ast.walk(function) if _is_use_of(each, kept))
                taken = any(_takes(self.parents[each]) for each in uses)
            case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
                taken = True
            case parent:
                taken = _takes(parent)
        if not taken:
            yield call.lineno, f"{text} is not awaited, so nothing is done; write await {text}"


def _takes(parent: ast.AST) -> bool:
    """Tell whether a coroutine that stands here is awaited, or given to others who may."""
    match parent:
        case ast.Call(func=ast.Name(id=name)) if name in _NO_TAKERS:
            return False
        case _:
            return isinstance(parent, _TAKERS)


def _is_use_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == name


def _coroutines_of(tree: ast.Module) -> frozenset[str]:
    """Return what the file declares, or has of the shipped parts, that has to be awaited."""
    declared = {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    known = {
        name
        for part in (configure, parts)
        for name, each in vars(part).items()
        if inspect.iscoroutinefunction(each)
    }
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "acs.playbook":
            declared |= {each.asname or each.name for each in node.names if each.name in known}
    return frozenset(declared)


def _names_of_the_case(function: _Function) -> set[str]:
    """Return the parameters that are a case: those annotated so, and ``case``; none that is bound anew."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = {each.arg for each in every if _says_case(each)}
    bound = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    return names - bound


def _says_case(argument: ast.arg) -> bool:
    match argument.annotation:
        case ast.Name(id="Case") | ast.Attribute(attr="Case") | ast.Constant(value="Case"):
            return True
        case None:
            return argument.arg == "case"
        case _:
            return False


@lru_cache(maxsize=1)
def _offered() -> dict[str, Callable[..., Any] | None]:
    """Return what a case offers: its calls, and None for a value."""
    from acs.remediation.case_api import CaseApi  # it is made of what operators' playbooks need: this room

    nothing: Any = None
    case = CaseApi(
        facts={}, policy=nothing, procedure="", because="", started=0.0, case_id=0, find=lambda *_: nothing
    )
    calls = {name: getattr(CaseApi, name, None) for name in dir(case) if not name.startswith("_")}
    return {name: each if inspect.isfunction(each) else None for name, each in calls.items()}


def _unfitting(call: ast.Call, function: Callable[..., Any] | None) -> str:
    """Return what is wrong with the arguments of a call; "" where that can't be seen."""
    assert function is not None
    unseen = any(isinstance(each, ast.Starred) for each in call.args) or any(
        each.arg is None for each in call.keywords
    )
    if unseen:
        return ""
    shape = inspect.signature(function)
    try:
        shape.bind(None, *call.args, **{str(each.arg): each for each in call.keywords})
    except TypeError as error:
        own = shape.replace(parameters=list(shape.parameters.values())[1:])
        return f"{error}; it is {function.__name__}{_QUOTED.sub(lambda each: each[1], str(own))}"
    return ""
