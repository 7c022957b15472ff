"""YAML that people write: read so that what is wrong with it names the file and the place."""

from __future__ import annotations

from typing import Any

import yaml

from acs.errors import AcsError

__all__ = ["read_yaml"]


_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _load(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_FAST)  # noqa: S506 - it is a safe one
    except yaml.YAMLError:
        return yaml.safe_load(text)  # whose error shows the line


def read_yaml(text: str, source: str) -> Any:
    """Return what a YAML document says; ``source`` names it in errors.

    Raises ``AcsError`` that names source, line and column.
    """
    try:
        return _load(text)
    except yaml.MarkedYAMLError as error:
        for mark in (error.context_mark, error.problem_mark):
            if mark is not None:
                mark.name = source
        raise AcsError(f"{source} is no YAML: {error}") from error
    except yaml.reader.ReaderError as error:
        error.name = source
        raise AcsError(f"{source} is no YAML: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise AcsError(f"{source} is no YAML: {error}") from error
