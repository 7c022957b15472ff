"""The CPE's side of each RPC (TR-069 A.3.2, A.4.1): parameters, attributes, objects, transfers, resets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from acs.cwmp import messages as m
from acs.datamodel import pattern_of
from acs.simulator import bulkdata
from acs.simulator.transfer import Transfer
from acs.simulator.tree import ParameterTree

__all__ = ["Cpe", "handle"]

_PASSWORD = "Device.ManagementServer.ConnectionRequestPassword"  # noqa: S105 - a parameter's name
_STATE = "Device.SelfTestDiagnostics.DiagnosticsState"
_KEY = "Device.ManagementServer.ParameterKey"

_ROW_DEFAULTS = {"Device.BulkData.Profile.{i}.": bulkdata.DEFAULTS}


class Cpe(Protocol):
    """What the RPCs need of a device."""

    tree: ParameterTree
    attributes: dict[str, int]
    transfers: list[Transfer]
    outgoing: list[m.Message]
    connection_request_password: str

    def notification(self, name: str) -> int:
        """Return the notification attribute of a parameter."""

    def values_changed(self, names: list[str], now: float) -> None:
        """Take note of parameters that were set."""

    def start_self_test(self, now: float) -> None:
        """Begin the diagnostic test."""

    def schedule_inform(self, seconds: float, key: str, now: float) -> None:
        """Open a session after a while."""

    def after_session(self, method: str, key: str) -> None:
        """Put a reboot or reset off until the session is over."""

    def record(self, method: str, key: str, now: float) -> None:
        """Remember that something was really done."""


def handle(henb: Cpe, request: m.Message, now: float) -> m.Message:
    """Carry out a request and return the response or a fault."""
    handler = _HANDLERS.get(type(request))
    if handler is None:
        return m.Fault(9000, f"Method not supported: {m.method_name(request)}")
    return handler(henb, request, now)


def _get_rpc_methods(henb: Cpe, request: m.GetRPCMethods, now: float) -> m.Message:
    return m.GetRPCMethodsResponse(tuple(sorted(kind.__name__ for kind in _HANDLERS)))


def _expand(henb: Cpe, names: tuple[str, ...]) -> list[str] | m.Fault:
    found: list[str] = []
    for name in names:
        below = henb.tree.names(name or "Device.")
        if below is None:
            return m.Fault(9005, f"Invalid parameter name: {name[:200]}")
        found += below
    return found


def _get_values(henb: Cpe, request: m.GetParameterValues, now: float) -> m.Message:
    names = _expand(henb, request.names)
    if isinstance(names, m.Fault):
        return names
    values = []
    for name in names:
        value, kind = henb.tree.get(name) or ("", "xsd:string")
        spec = henb.tree.template.model.spec(name)
        hidden = spec is not None and spec.type.startswith("hidden ")
        values.append(m.ParameterValue(name, "" if hidden else value, kind))
    return m.GetParameterValuesResponse(tuple(values))


def _set_values(henb: Cpe, request: m.SetParameterValues, now: float) -> m.Message:
    faults = []
    model = henb.tree.template.model
    if len({each.name for each in request.parameters}) < len(request.parameters):
        return m.Fault(9003, "a parameter is there more than once")
    for each in request.parameters:
        if henb.tree.get(each.name) is None:
            faults.append(m.SetParameterValuesFault(each.name, 9005, "Invalid parameter name"))
            continue
        problem = model.check(each.name, each.value, each.type)
        if problem is not None:
            faults.append(m.SetParameterValuesFault(each.name, problem.fault_code, problem.text[:256]))
    if faults:
        return m.Fault(9003, "Invalid arguments", tuple(faults))
    for each in request.parameters:
        if each.name == _PASSWORD:
            henb.connection_request_password = each.value
        else:
            henb.tree.set(each.name, each.value)
        if each.name == _STATE and each.value == "Requested":
            henb.start_self_test(now)
    henb.tree.set(_KEY, request.parameter_key)
    henb.values_changed([each.name for each in request.parameters], now)
    return m.SetParameterValuesResponse(0)


def _get_names(henb: Cpe, request: m.GetParameterNames, now: float) -> m.Message:
    path = request.path or "Device."
    names = henb.tree.names(path)
    if names is None:
        return m.Fault(9005, f"Invalid parameter name: {path[:200]}")
    if request.next_level and not path.endswith("."):
        return m.Fault(9003, f"there is no next level below the parameter {path[:200]}")
    model = henb.tree.template.model
    if request.next_level and not request.path:
        return m.GetParameterNamesResponse((m.ParameterInfo(path, _writable(model, path)),))
    found: dict[str, bool] = {} if request.next_level else {path: _writable(model, path)}
    for name in [each for each in names if each != path]:
        rest = name[len(path) :]
        parts = rest.split(".")
        depths = [1] if request.next_level else range(1, len(parts) + 1)
        for depth in depths:
            is_object = depth < len(parts)
            shown = path + ".".join(parts[:depth]) + ("." if is_object else "")
            if shown not in found:
                found[shown] = _writable(model, shown)
    return m.GetParameterNamesResponse(tuple(m.ParameterInfo(name, found[name]) for name in sorted(found)))


def _writable(model: Any, path: str) -> bool:
    if path.endswith("."):
        spec = model.object(path)
        return bool(spec and spec.writable)
    spec = model.spec(path)
    return bool(spec and spec.writable)


def _set_attributes(henb: Cpe, request: m.SetParameterAttributes, now: float) -> m.Message:
    for each in request.parameters:
        if henb.tree.names(each.name) is None:
            return m.Fault(9005, f"Invalid parameter name: {each.name[:200]}")
        if each.notification is not None and not 0 <= each.notification <= 6:
            return m.Fault(9003, f"Notification {each.notification} is none")
    for each in request.parameters:
        if each.notification is not None:
            below = [
                known for known in henb.attributes if each.name[-1:] == "." and known.startswith(each.name)
            ]
            for name in below:
                del henb.attributes[name]
            henb.attributes[each.name] = each.notification
    return m.SetParameterAttributesResponse()


def _get_attributes(henb: Cpe, request: m.GetParameterAttributes, now: float) -> m.Message:
    names = _expand(henb, request.names)
    if isinstance(names, m.Fault):
        return names
    found = tuple(m.ParameterAttribute(name, henb.notification(name)) for name in names)
    return m.GetParameterAttributesResponse(found)


def _add_object(henb: Cpe, request: m.AddObject, now: float) -> m.Message:
    model = henb.tree.template.model
    pattern = pattern_of(request.object_name.rstrip(".")) + ".{i}."
    spec = model.objects.get(pattern)
    there = request.object_name.endswith(".") and henb.tree.names(request.object_name) is not None
    if spec is None or not there:
        return m.Fault(9005, f"Invalid parameter name: {request.object_name[:200]}")
    if not spec.writable:
        return m.Fault(9001, f"{request.object_name} takes no instances")
    instance = max(_instances(henb, request.object_name), default=0) + 1
    base = f"{request.object_name}{instance}."
    for path in [pattern, *(each for each in model.objects if each.startswith(pattern) and each != pattern)]:
        if "{i}" in path[len(pattern) :]:
            continue
        for parameter in model.parameters_of(path):
            name = base + parameter.path[len(pattern) :]
            henb.tree.add(name, parameter.default, parameter.xsd_type)
    for rest, value in _ROW_DEFAULTS.get(pattern, {}).items():
        henb.tree.set(base + rest, value)
    _count(henb, request.object_name)
    henb.tree.set(_KEY, request.parameter_key)
    henb.record("AddObject", request.parameter_key, now)
    return m.AddObjectResponse(instance, 0)


def _instances(henb: Cpe, table: str) -> set[int]:
    """Return the numbers of the rows that a table has."""
    heads = {name[len(table) :].partition(".")[0] for name in henb.tree.below(table)}
    return {int(head) for head in heads if head.isdigit()}


def _count(henb: Cpe, table: str) -> None:
    """Have ``…NumberOfEntries`` tell how many rows a table has."""
    name = table.removesuffix(".") + "NumberOfEntries"
    if henb.tree.get(name) is not None:
        henb.tree.set(name, str(len(_instances(henb, table))))


def _delete_object(henb: Cpe, request: m.DeleteObject, now: float) -> m.Message:
    spec = henb.tree.template.model.object(request.object_name)
    if spec is None or not spec.multiple or not henb.tree.names(request.object_name):
        return m.Fault(9005, f"Invalid parameter name: {request.object_name[:200]}")
    if not spec.writable:
        return m.Fault(9001, f"{request.object_name} can't be deleted")
    henb.tree.remove_below(request.object_name)
    _count(henb, request.object_name[: request.object_name[:-1].rfind(".") + 1])
    henb.tree.set(_KEY, request.parameter_key)
    henb.record("DeleteObject", request.parameter_key, now)
    return m.DeleteObjectResponse(0)


def _reboot(henb: Cpe, request: m.Reboot, now: float) -> m.Message:
    henb.after_session("Reboot", request.command_key)
    return m.RebootResponse()


def _factory_reset(henb: Cpe, request: m.FactoryReset, now: float) -> m.Message:
    henb.after_session("FactoryReset", "")
    return m.FactoryResetResponse()


def _download(henb: Cpe, request: m.Download, now: float) -> m.Message:
    if request.file_type != "1 Firmware Upgrade Image":
        return m.Fault(9003, f"FileType {request.file_type[:64]} is not supported")
    if len(henb.transfers) >= 3:
        return m.Fault(9004, "three transfers are queued already")
    henb.transfers.append(Transfer(request.command_key, request.url, request.file_type))
    return m.DownloadResponse(1)


def _queued_transfers(henb: Cpe, request: m.GetAllQueuedTransfers, now: float) -> m.Message:
    waiting = [
        m.QueuedTransfer(each.command_key, 1, is_download=True, file_type=each.file_type)
        for each in henb.transfers
    ]
    done = [
        m.QueuedTransfer(each.command_key, 3, is_download=True)
        for each in henb.outgoing
        if isinstance(each, m.TransferComplete)
    ]
    return m.GetAllQueuedTransfersResponse((*waiting, *done))


def _schedule_inform(henb: Cpe, request: m.ScheduleInform, now: float) -> m.Message:
    henb.schedule_inform(request.delay_seconds, request.command_key, now)
    return m.ScheduleInformResponse()


_HANDLERS: dict[type, Callable[[Cpe, Any, float], m.Message]] = {
    m.GetRPCMethods: _get_rpc_methods,
    m.GetParameterValues: _get_values,
    m.SetParameterValues: _set_values,
    m.GetParameterNames: _get_names,
    m.SetParameterAttributes: _set_attributes,
    m.GetParameterAttributes: _get_attributes,
    m.AddObject: _add_object,
    m.DeleteObject: _delete_object,
    m.Reboot: _reboot,
    m.FactoryReset: _factory_reset,
    m.Download: _download,
    m.GetAllQueuedTransfers: _queued_transfers,
    m.ScheduleInform: _schedule_inform,
}
