"""Deployment units of a device: what ChangeDUState does to them (TR-157, TR-069 A.4.1.10). Pure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from acs.cwmp import messages as m
from acs.simulator.tree import ParameterTree

__all__ = ["Modules", "Operation", "Unit"]

TABLE = "Device.SoftwareModules.DeploymentUnit."
ENVIRONMENT = "Device.SoftwareModules.ExecEnv.1."
_MOST = 16
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_VERSION = re.compile(r"-(\d+(?:\.\d+)*)(?:\.[a-z]+)*\Z")

Operation = m.InstallOperation | m.UpdateOperation | m.UninstallOperation


class _FaultError(Exception):
    """An operation fails with a fault of its own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.fault = m.FaultStruct(code, text)


@dataclass(slots=True)
class Unit:
    """A deployment unit that is installed; ``row`` is its instance number."""

    uuid: str
    version: str
    url: str
    row: int


class Modules:
    """The deployment units of one device. A unit's version is in its URL: ``…/name-1.2.tar``."""

    def __init__(self, tree: ParameterTree) -> None:
        self._tree = tree
        self._rows = 0
        self.units: dict[str, Unit] = {}
        self.pending: dict[str, tuple[Operation, ...]] = {}

    def clear(self) -> None:
        """Forget all units, as a factory reset does."""
        self.units.clear()
        self.pending.clear()
        self._rows = 0

    def perform(self, operation: Operation, at: str) -> m.OperationResult:
        """Do one operation and return its result; ``at`` is the time as dateTime text."""
        try:
            match operation:
                case m.InstallOperation():
                    unit, state = self._install(operation), "Installed"
                case m.UpdateOperation():
                    unit, state = self._update(operation), "Installed"
                case _:
                    unit, state = self._uninstall(operation), "Uninstalled"
        except _FaultError as error:
            version = getattr(operation, "version", "")
            return m.OperationResult(operation.uuid, "", version, "Failed", False, "", at, at, error.fault)
        reference = f"{TABLE}{unit.row}" if state == "Installed" else ""
        done = state == "Installed"
        return m.OperationResult(unit.uuid, reference, unit.version, state, done, "", at, at, m.FaultStruct())

    def _install(self, operation: m.InstallOperation) -> Unit:
        self._check(operation.url, operation.uuid, operation.execution_env_ref)
        identifier = operation.uuid or str(uuid.uuid5(uuid.NAMESPACE_URL, operation.url))
        if identifier in self.units:
            raise _FaultError(9026, f"{identifier} is installed already")
        if len(self.units) >= _MOST:
            raise _FaultError(9027, f"{_MOST} deployment units are installed already")
        self._rows += 1
        unit = Unit(identifier, _version(operation.url), operation.url, self._rows)
        self.units[identifier] = unit
        self._write(unit)
        return unit

    def _update(self, operation: m.UpdateOperation) -> Unit:
        unit = self._find(operation.uuid)
        url = operation.url or unit.url
        self._check(url, operation.uuid, "")
        version = _version(url)
        if operation.version and operation.version != unit.version:
            raise _FaultError(9029, f"{unit.uuid} is installed as {unit.version}, not {operation.version}")
        if version == unit.version:
            raise _FaultError(9032, f"{unit.uuid} is installed as {version} already")
        if _parts(version) < _parts(unit.version):
            raise _FaultError(9030, f"{version} is older than {unit.version}")
        unit.version, unit.url = version, url
        self._write(unit)
        return unit

    def _uninstall(self, operation: m.UninstallOperation) -> Unit:
        unit = self._find(operation.uuid)
        if operation.version and operation.version != unit.version:
            raise _FaultError(9028, f"{unit.uuid} is installed as {unit.version}, not {operation.version}")
        del self.units[unit.uuid]
        self._tree.remove_below(f"{TABLE}{unit.row}.")
        self._count()
        return unit

    def _find(self, identifier: str) -> Unit:
        if not _UUID.match(identifier):
            raise _FaultError(9022, f"{identifier[:40]!r} is no UUID")
        if identifier not in self.units:
            raise _FaultError(9028, f"{identifier} is not installed")
        return self.units[identifier]

    def _check(self, url: str, identifier: str, environment: str) -> None:
        if identifier and not _UUID.match(identifier):
            raise _FaultError(9022, f"{identifier[:40]!r} is no UUID")
        if environment and environment.rstrip(".") != ENVIRONMENT.rstrip("."):
            raise _FaultError(9023, f"there is no execution environment {environment[:80]}")
        if urlsplit(url).scheme not in ("http", "https"):
            raise _FaultError(9013, f"{url[:80]} is of no protocol the device knows")

    def _write(self, unit: Unit) -> None:
        row = f"{TABLE}{unit.row}."
        for parameter in self._tree.template.model.parameters_of(f"{TABLE}{{i}}."):
            name = row + parameter.path[len(TABLE) + len("{i}.") :]
            self._tree.add(name, parameter.default, parameter.xsd_type)
        told = {
            "UUID": unit.uuid,
            "Status": "Installed",
            "Resolved": "1",
            "URL": unit.url,
            "Version": unit.version,
            "ExecutionEnvRef": ENVIRONMENT.rstrip("."),
        }
        for name, value in told.items():
            self._tree.set(row + name, value)
        self._count()

    def _count(self) -> None:
        self._tree.set(TABLE.removesuffix(".") + "NumberOfEntries", str(len(self.units)))


def _version(url: str) -> str:
    found = _VERSION.search(urlsplit(url).path)
    return found[1] if found else "1.0"


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
