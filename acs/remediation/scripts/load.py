"""From the source of a playbook to the function that runs."""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

from acs.errors import AcsError
from acs.remediation.replay import AWAITED
from acs.remediation.scripts.guard import FAILURES, PREFIX, limited
from acs.remediation.scripts.source import Bundle

__all__ = ["Script", "load_scripts", "where"]


@dataclass(frozen=True, slots=True)
class Script:
    """One operator's playbook, in one version of its files."""

    name: str
    summary: str
    bundle: Bundle
    function: Callable[[Any], Coroutine[Any, Any, Any]]

    @property
    def version(self) -> str:
        """The version of its files."""
        return self.bundle.version


def load_scripts(bundle: Bundle) -> dict[str, Script]:
    """Run the files of a bundle once and return the playbooks of its entry, by name.

    Raises ``AcsError`` naming file and line where a file fails or declares no playbook.
    """
    return dict(_load(bundle.body))


@lru_cache(maxsize=256)
def _load(body: str) -> dict[str, Script]:
    bundle = Bundle.parse(body)
    package = ModuleType(f"acs_playbooks_{bundle.version}")
    package.__path__ = []
    sys.modules[package.__name__] = package
    try:
        for name in bundle.files:
            setattr(package, name, _execute(package, name, bundle))
        return _declared(getattr(package, bundle.entry), bundle)
    except BaseException:
        for name in (package.__name__, *(f"{package.__name__}.{each}" for each in bundle.files)):
            sys.modules.pop(name, None)
        raise


def _execute(package: ModuleType, name: str, bundle: Bundle) -> ModuleType:
    file = f"{PREFIX}{name}.py {bundle.version[:8]}>"
    source = bundle.files[name]
    # Tracebacks quote the source that ran, which need not be the file's that is there now.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = ModuleType(f"{package.__name__}.{name}")
    module.__package__ = package.__name__
    module.__file__ = file
    sys.modules[module.__name__] = module
    try:
        with limited():
            exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - operators' code
    except FAILURES as error:
        raise AcsError(f"{where(error) or f'{name}.py:1'}: {type(error).__name__}: {error}") from error
    return module


def _declared(module: ModuleType, bundle: Bundle) -> dict[str, Script]:
    found: dict[str, Script] = {}
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if not own or not (getattr(value, "__playbook__", False) or name == bundle.entry):
            continue
        if not inspect.iscoroutinefunction(value):
            line = getattr(getattr(value, "__code__", None), "co_firstlineno", 1)
            raise AcsError(f"{bundle.entry}.py:{line}: the playbook {name} is no `async def`")
        summary = (inspect.getdoc(value) or inspect.getdoc(module) or "").partition("\n")[0]
        found[name] = Script(name, summary, bundle, value)
    return found


def where(error: BaseException) -> str:
    """Return file and line of the innermost code of a playbook that an error is about; "" for none."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno or 1)]
    else:
        places = [(each.filename, each.lineno or 1) for each in traceback.extract_tb(error.__traceback__)]
    for note in getattr(error, "__notes__", ()):
        if note.startswith(AWAITED):
            file, _, line = note.removeprefix(AWAITED).rpartition(":")
            places.append((file, int(line)))
    mine = [each for each in places if each[0].startswith(PREFIX)]
    return f"{mine[-1][0][len(PREFIX) : -1].partition(' ')[0]}:{mine[-1][1]}" if mine else ""
