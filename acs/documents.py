"""YAML that people write: read so that what is wrong with it names the file and the place."""

from __future__ import annotations

from typing import Any

import yaml

from acs.errors import AcsError

__all__ = ["read_yaml"]


class _Unambiguous:
    """Of two entries of one name only one could hold, so a mapping that has both is refused."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)  # type: ignore[call-arg]  # that of the loader beside it
        self._looked_at: set[int] = set()

    def flatten_mapping(self, node: Any) -> None:
        """Take in what is merged (``<<``). Raises ``ConstructorError`` for a key that is there twice.

        Each mapping is looked at once: afterwards what it overrides stands beside it.
        """
        if id(node) not in self._looked_at:
            self._looked_at.add(id(node))
            _refuse_twins(node)
        super().flatten_mapping(node)  # type: ignore[misc]


def _refuse_twins(node: Any) -> None:
    first: dict[tuple[str, str], Any] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            before = first.setdefault((key.tag, key.value), key)
            if before is not key:
                raise yaml.constructor.ConstructorError(
                    f"{key.value[:80]!r} is there", before.start_mark, "and once more", key.start_mark
                )


class _AsWritten(_Unambiguous):
    """Leaves every value the text that it is: 00101 is no octal number, and no, on and 12:30 are words.

    Only what has no value at all is None.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [rule for rule in rules if rule[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_C: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Fast(_Unambiguous, _C):  # type: ignore[misc]  # the C loader where there is one
    pass


class _FastAsWritten(_AsWritten, _C):  # type: ignore[misc]
    pass


class _Telling(_Unambiguous, yaml.SafeLoader):
    """Slower, with errors that show the line."""


class _TellingAsWritten(_AsWritten, yaml.SafeLoader):
    pass


def _load(text: str, *, as_written: bool) -> Any:
    try:
        return yaml.load(text, Loader=_FastAsWritten if as_written else _Fast)  # noqa: S506 - they are safe
    except yaml.YAMLError:
        return yaml.load(text, Loader=_TellingAsWritten if as_written else _Telling)  # noqa: S506


def read_yaml(text: str, source: str, *, as_written: bool = False) -> Any:
    """Return what a YAML document says; ``source`` names it in errors.

    With ``as_written`` every value is the text that stands there, for parameters whose type another decides:
    YAML itself would read the PLMN 00101 as the octal number 65. What has no value is None.
    Raises ``AcsError`` that names source, line and column.
    """
    try:
        return _load(text, as_written=as_written)
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
