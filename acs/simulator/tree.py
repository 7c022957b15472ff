"""The parameters of one HeNB: a template shared by the fleet and what differs from it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from acs.datamodel import Model, instantiate, load_model, pattern_of

__all__ = ["ParameterTree", "Template", "follow_admin_state", "henb_template", "radio_off"]

FAULT_MANAGEMENT = "Device.FaultMgmt."
EVENT_ROWS = 8
_STATE = "Device.Services.FAPService.1.FAPControl.LTE."


@dataclass(frozen=True)
class Template:
    """The tree as it leaves the factory: values and the sorted names."""

    model: Model
    values: dict[str, tuple[str, str]]
    names: tuple[str, ...]


def _model(fault_management: str) -> Model:
    """Return the model of a HeNB; one whose FaultMgmt is in the FAPService has none at the root."""
    henb = load_model("henb")
    if fault_management == FAULT_MANAGEMENT:
        return henb
    other = load_model("faultmgmt-fapservice")
    objects = [each for each in henb.objects.values() if not each.path.startswith(FAULT_MANAGEMENT)]
    parameters = [each for each in henb.parameters.values() if not each.path.startswith(FAULT_MANAGEMENT)]
    name = f"{henb.name} with {other.name}"
    return Model(name, [*objects, *other.objects.values()], [*parameters, *other.parameters.values()])


@lru_cache(maxsize=4)
def henb_template(supported: tuple[tuple[str, ...], ...], base: str = FAULT_MANAGEMENT) -> Template:
    """Return the template of an LTE HeNB (Device:2 with TR-196 Issue 2) that supports these alarms.

    ``base`` is where its FaultMgmt is: at the root, or as in TR-196 Issue 1 below ``FAPService.1.``.
    """
    tables = pattern_of(base)
    instances = {
        "Device.Services.FAPService.{i}.": 1,
        "Device.Services.FAPService.{i}.CellConfig.LTE.EPC.PLMNList.{i}.": 1,
        f"{tables}SupportedAlarm.{{i}}.": len(supported),
        f"{tables}ExpeditedEvent.{{i}}.": EVENT_ROWS,
        f"{tables}QueuedEvent.{{i}}.": EVENT_ROWS,
        f"{tables}HistoryEvent.{{i}}.": EVENT_ROWS,
    }
    model = _model(base)
    values = instantiate(model, instances)
    fields = ("EventType", "ProbableCause", "SpecificProblem", "PerceivedSeverity", "ReportingMechanism")
    for number, row in enumerate(supported, 1):
        for field, value in zip(fields, row, strict=True):
            values[f"{base}SupportedAlarm.{number}.{field}"] = (value, "xsd:string")
    return Template(model, values, tuple(sorted(values)))


class ParameterTree:
    """Read and write by path; a path that ends with a dot stands for all below it."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._own: dict[str, tuple[str, str]] = {}
        self._added: set[str] = set()
        self._removed: set[str] = set()

    def get(self, name: str) -> tuple[str, str] | None:
        """Return value and type, None when there is no such parameter."""
        if name in self._removed:
            return None
        return self._own.get(name) or self.template.values.get(name)

    def value(self, name: str) -> str:
        """Return the value of a parameter that is there."""
        found = self.get(name)
        assert found is not None, name
        return found[0]

    def set(self, name: str, value: str) -> None:
        """Set a parameter that is there, keeping its type."""
        found = self.get(name)
        assert found is not None, name
        self._own[name] = (value, found[1])

    def add(self, name: str, value: str, kind: str = "") -> None:
        """Add a parameter that the template may lack, as part of a row; by default of the model's type."""
        if not kind:
            spec = self.template.model.spec(name)
            kind = spec.xsd_type if spec is not None else "xsd:string"
        self._own[name] = (value, kind)
        self._removed.discard(name)
        if name not in self.template.values:
            self._added.add(name)

    def remove_below(self, path: str) -> None:
        """Remove all rows below ``path``, those of the template until ``reset``."""
        for name in list(self.below(path)):
            self._own.pop(name, None)
            if name in self._added:
                self._added.discard(name)
            else:
                self._removed.add(name)

    def reset(self) -> None:
        """Go back to the template."""
        self._own.clear()
        self._added.clear()
        self._removed.clear()

    def below(self, path: str) -> Iterator[str]:
        """Yield the names of all parameters whose names begin with ``path``."""
        names = self.template.names
        position = bisect_left(names, path)
        while position < len(names) and names[position].startswith(path):
            if names[position] not in self._removed:
                yield names[position]
            position += 1
        yield from sorted(name for name in self._added if name.startswith(path))

    def names(self, path: str) -> list[str] | None:
        """Return the parameters a path stands for, None when it stands for nothing."""
        if not path.endswith("."):
            return [path] if self.get(path) is not None else None
        return list(self.below(path)) if self._exists(path) else None

    def _exists(self, path: str) -> bool:
        """Return whether an object is there; a table is, even without rows, when its parent is."""
        if next(self.below(path), None) is not None:
            return True
        model = self.template.model
        single, row = model.object(path), model.object(f"{path}1.")
        known = row is not None or (single is not None and not single.multiple)
        return known and self._exists(path[: path[:-1].rfind(".") + 1])


def follow_admin_state(tree: ParameterTree) -> None:
    """Have OpState and RFTxStatus tell that the HeNB transmits, as AdminState lets it (TR-196)."""
    on = "1" if tree.value(f"{_STATE}AdminState").lower() in ("1", "true") else "0"
    for name in ("OpState", "RFTxStatus"):
        tree.set(f"{_STATE}{name}", on)


def radio_off(tree: ParameterTree) -> None:
    """Stop transmitting; AdminState stays as it is."""
    for name in ("OpState", "RFTxStatus"):
        tree.set(f"{_STATE}{name}", "0")
