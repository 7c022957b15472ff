"""The device's configuration file: one ``name=value`` a line, what it can be set to and no secrets. Pure."""

from __future__ import annotations

from acs.simulator.tree import ParameterTree

__all__ = ["configuration_file", "read_configuration"]

_ROOT = "Device."


def configuration_file(tree: ParameterTree) -> bytes:
    """Return the configuration as a file."""
    lines = []
    for name in sorted(tree.below(_ROOT)):
        spec = tree.template.model.spec(name)
        value = tree.value(name)
        if spec is not None and spec.writable and not spec.type.startswith("hidden ") and "\n" not in value:
            lines.append(f"{name}={value}\n")
    return "".join(lines).encode()


def read_configuration(content: bytes, tree: ParameterTree) -> dict[str, str]:
    """Return name to value of what a file changes. Raises ``ValueError`` naming the line that is wrong."""
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
        name, equals, value = line.partition("=")
        if not equals or tree.get(name) is None:
            raise ValueError(f"line {number} names no parameter of this device: {line[:60]!r}")
        if value == tree.value(name):
            continue
        problem = tree.template.model.check(name, value)
        if problem is not None:
            raise ValueError(f"line {number}: {problem.text}")
        found[name] = value
    return found
