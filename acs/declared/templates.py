"""Values as templates: a small, safe part of Jinja that ends soon whatever is written in it. Pure.

A template may ask for the device's facts and the site's values, choose (``if``, ``… if … else …``), count
and compare, loop over a list, and use a few filters. It can call nothing, assign nothing and reach no
attribute of an object, so nothing can grow; rounds of loops and uses of filters are counted, and the output
is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from acs.errors import AcsError

__all__ = ["Known", "check_template", "is_template", "render"]

MOST_SOURCE = 2048  # characters of a template
MOST_OUTPUT = 4096  # characters of what it renders to
MOST_WORK = 1000  # rounds of all its loops and uses of its filters, together
MOST_DEPTH = 24  # levels of nesting
MOST_NUMBER = 10**30
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.CondExpr,
    nodes.If,
    nodes.For,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
)
_FILTERS = ("default", "first", "float", "int", "join", "last", "length", "lower", "sort", "trim", "upper")
_TESTS = ("defined", "undefined", "even", "odd", "none", "number", "string", "in", "eq", "ne", "lt", "gt")


def is_template(text: str) -> bool:
    """Tell whether a text has to be rendered."""
    return "{{" in text or "{%" in text or "{#" in text


class Known(dict[str, Any]):
    """A mapping that templates may ask, with the sentence for what is not in it (``{}`` is its name)."""

    def __init__(self, entries: Mapping[str, Any], missing: str) -> None:
        super().__init__(entries)
        self.missing = missing


class _TooMuchError(AcsError):
    """A template wants more than it may have."""


class _Environment(ImmutableSandboxedEnvironment):
    """What a template can reach: entries of mappings, and numbers that stay numbers."""

    intercepted_binops = frozenset({"+", "-", "*", "//", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an entry of a mapping; nothing else has attributes here."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an entry of a mapping, or an item of a list or a text."""
        if isinstance(obj, Mapping) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple | str) and type(argument) is int and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, LoopContext) and argument in _LOOP:
            return getattr(obj, argument)
        missing = obj.missing if isinstance(obj, Known) else "nothing is known of {}"
        hint = missing.replace("{}", repr(str(argument)[:64]))
        return self.undefined(hint=hint, obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers of a bounded size; ``~`` is there for texts."""
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)  # raises, and names what is not defined
            if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MOST_NUMBER:
                raise AcsError(
                    f"{operator} is for numbers, not for {str(value)[:40]!r}; texts are joined with ~,"
                    " and made numbers with | int"
                )
        return super().call_binop(context, operator, left, right)


_LOOP = ("first", "last", "index", "index0")
_work: ContextVar[list[int]] = ContextVar("work")


def _spend() -> None:
    """Count one round or one use of a filter."""
    left = _work.get()
    left[0] -= 1
    if left[0] < 0:
        raise _TooMuchError(f"its loops and filters do more than {MOST_WORK} things")


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with a bound on how often it is used and on what comes out."""

    @wraps(function)  # with the mark by which Jinja knows its first argument
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _spend()
        result = function(*args, **kwargs)
        if isinstance(result, str | list) and len(result) > MOST_OUTPUT:
            raise _TooMuchError(f"a filter makes more than {MOST_OUTPUT} characters")
        return result

    return wrapped


def _counted(items: Any) -> Iterator[Any]:
    """Yield the items of a list, or those of a text between its commas, and count each."""
    for item in items.split(",") if isinstance(items, str) else items:
        _spend()
        yield item


def _finalize(value: Any) -> Any:
    """Let only texts and numbers into the output; an undefined one tells its name."""
    if isinstance(value, str | int | float | Undefined):
        return value
    raise AcsError(f"a {type(value).__name__} is no text; choose one of its entries, or join them")


def _make_environment() -> _Environment:
    env = _Environment(undefined=StrictUndefined, optimized=False, cache_size=0, finalize=_finalize)
    env.globals.clear()
    env.filters = {name: _bounded(env.filters[name]) for name in _FILTERS}
    env.filters[_COUNTED] = _counted
    env.tests = {name: env.tests[name] for name in _TESTS}
    return env


_COUNTED = "counted items"
_ENVIRONMENT = _make_environment()


def _examine(node: nodes.Node, depth: int) -> None:
    """Refuse what is not allowed, and have every loop count its rounds."""
    if depth > MOST_DEPTH:
        raise _TooMuchError(f"it is nested more than {MOST_DEPTH} levels deep")
    if not isinstance(node, _ALLOWED):
        raise AcsError(f"{type(node).__name__} is not allowed in a value")
    if isinstance(node, nodes.Name) and node.name == "self":
        raise AcsError("self is no value")
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise AcsError(f"there is no filter {node.name!r}; known are {', '.join(_FILTERS)}")
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise AcsError(f"there is no test {node.name!r}; known are {', '.join(_TESTS)}")
    if isinstance(node, nodes.For) and node.recursive:
        raise AcsError("a recursive loop is not allowed in a value")
    for child in node.iter_child_nodes():
        _examine(child, depth + 1)
    if isinstance(node, nodes.For):
        node.iter = nodes.Filter(node.iter, _COUNTED, [], [], None, None)


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Template:
    if len(source) > MOST_SOURCE:
        raise _TooMuchError(f"it has {len(source)} characters; at most {MOST_SOURCE} are allowed")
    tree = _ENVIRONMENT.parse(source)
    _examine(tree, 0)
    tree.set_environment(_ENVIRONMENT)
    code = _ENVIRONMENT.compile(tree)
    return Template.from_code(_ENVIRONMENT, code, {}, None)


def _checked(source: str, place: str) -> Template:
    try:
        return _compiled(source)
    except (AcsError, TemplateError, RecursionError, MemoryError, ValueError, SyntaxError) as error:
        text = "it is nested too deep" if isinstance(error, RecursionError | MemoryError) else str(error)
        raise AcsError(f"{place}: the template is wrong: {text[:300]}") from error


def check_template(source: str, place: str) -> None:
    """Refuse a template that is wrong or wants what it may not. Raises ``AcsError`` naming ``place``."""
    _checked(source, place)


def render(source: str, facts: Mapping[str, Any], place: str) -> str:
    """Render a template with ``facts``: texts, numbers, lists and mappings of them.

    Raises ``AcsError`` naming ``place`` for what is not defined, too long, or takes too many rounds.
    """
    template = _checked(source, place)
    found: list[str] = []
    size = 0
    token = _work.set([MOST_WORK])
    try:
        for piece in template.generate(dict(facts)):
            size += len(piece)
            if size > MOST_OUTPUT:
                raise _TooMuchError(f"it renders to more than {MOST_OUTPUT} characters")
            found.append(piece)
    except AcsError as error:
        raise AcsError(f"{place}: {error}") from error
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise AcsError(f"{place}: the template can't be rendered: {str(error)[:300]}") from error
    finally:
        _work.reset(token)
    return "".join(found)
