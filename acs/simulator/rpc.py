"""The CPE's side of each RPC (TR-069 A.3.2, A.4.1): parameters, attributes and objects; the table of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from acs.cwmp import messages as m
from acs.cwmp.versions import introduced
from acs.datamodel import Model, pattern_of
from acs.simulator import bulkdata
from acs.simulator.alias import AUTO_CREATE, aliased, resolve
from acs.simulator.cpe import Cpe
from acs.simulator.rpc_files import FILE_HANDLERS
from acs.simulator.rpc_system import SYSTEM_HANDLERS

__all__ = ["handle"]

_PASSWORD = "Device.ManagementServer.ConnectionRequestPassword"  # noqa: S105 - a parameter's name
_STATE = "Device.SelfTestDiagnostics.DiagnosticsState"
_KEY = "Device.ManagementServer.ParameterKey"

_ROW_DEFAULTS = {"Device.BulkData.Profile.{i}.": bulkdata.DEFAULTS}


Handler = Callable[[Cpe, Any, float], m.Message]  # each takes the request of its own name


def handle(henb: Cpe, request: m.Message, now: float) -> m.Message:
    """Carry out a request and return the response or a fault."""
    handler = _HANDLERS.get(type(request))
    if handler is None or introduced(m.method_name(request)) > henb.cwmp_version:
        return m.Fault(9000, f"Method not supported: {m.method_name(request)}")
    return handler(henb, request, now)


def _resolved(henb: Cpe, name: str) -> str | None:
    """Return a path without aliases; None when there is no such instance (TR-069 3.6.1)."""
    return resolve(henb.tree, name) if "[" in name else name


def _told(henb: Cpe, name: str) -> str:
    return aliased(henb.tree, name)


def _get_rpc_methods(henb: Cpe, request: m.GetRPCMethods, now: float) -> m.Message:
    known = [kind.__name__ for kind in _HANDLERS if kind is not m.UnknownMethod]
    names = sorted(name for name in known if introduced(name) <= henb.cwmp_version)
    return m.GetRPCMethodsResponse((*names, "X_0005B9_Echo"))


def _expand(henb: Cpe, names: tuple[str, ...]) -> list[str] | m.Fault:
    found: list[str] = []
    for name in names:
        plain = _resolved(henb, name)
        below = None if plain is None else henb.tree.names(plain or "Device.")
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
        values.append(m.ParameterValue(_told(henb, name), "" if hidden else value, kind))
    return m.GetParameterValuesResponse(tuple(values))


def _set_values(henb: Cpe, request: m.SetParameterValues, now: float) -> m.Message:
    if len({each.name for each in request.parameters}) < len(request.parameters):
        return m.Fault(9003, "a parameter is there more than once")
    faults, wanted = [], []
    for each in request.parameters:
        plain = _resolved(henb, each.name)
        if plain is None and (henb.tree.get(AUTO_CREATE) or ("0",))[0] in ("1", "true"):
            plain = resolve(henb.tree, each.name, lambda table, alias: _row(henb, table, alias) is not None)
        fault = _refused(henb, each, plain)
        if fault is not None:
            faults.append(fault)
        elif plain is not None:
            wanted.append((plain, each.value))
    if faults:
        return m.Fault(9003, "Invalid arguments", tuple(faults))
    for name, value in wanted:
        if name == _PASSWORD:
            henb.connection_request_password = value
        else:
            henb.tree.set(name, value)
        if name == _STATE and value == "Requested":
            henb.start_self_test(now)
    henb.tree.set(_KEY, request.parameter_key)
    henb.values_changed([name for name, _ in wanted], now)
    return m.SetParameterValuesResponse(0)


def _refused(henb: Cpe, each: m.ParameterValue, plain: str | None) -> m.SetParameterValuesFault | None:
    if plain is None or henb.tree.get(plain) is None:
        return m.SetParameterValuesFault(each.name, 9005, "Invalid parameter name")
    problem = henb.tree.template.model.check(plain, each.value, each.type)
    if problem is None:
        return None
    return m.SetParameterValuesFault(each.name, problem.fault_code, problem.text[:256])


def _get_names(henb: Cpe, request: m.GetParameterNames, now: float) -> m.Message:
    path = _resolved(henb, request.path or "Device.") or ""
    names = henb.tree.names(path) if path else None
    if names is None:
        return m.Fault(9005, f"Invalid parameter name: {request.path[:200]}")
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
    return m.GetParameterNamesResponse(
        tuple(m.ParameterInfo(_told(henb, name), found[name]) for name in sorted(found))
    )


def _writable(model: Model, path: str) -> bool:
    spec = model.object(path) if path.endswith(".") else model.spec(path)
    return bool(spec and spec.writable)


def _set_attributes(henb: Cpe, request: m.SetParameterAttributes, now: float) -> m.Message:
    wanted = []
    for each in request.parameters:
        plain = _resolved(henb, each.name)
        if plain is None or henb.tree.names(plain) is None:
            return m.Fault(9005, f"Invalid parameter name: {each.name[:200]}")
        if each.notification is not None and not 0 <= each.notification <= 6:
            return m.Fault(9003, f"Notification {each.notification} is none")
        wanted.append(replace(each, name=plain))
    for each in wanted:
        if each.notification is not None:
            _override(henb.attributes, each.name)
            henb.attributes[each.name] = each.notification
        if each.access_list is not None:
            _override(henb.access_lists, each.name)
            henb.access_lists[each.name] = each.access_list
    return m.SetParameterAttributesResponse()


def _override(known: dict[str, Any], path: str) -> None:
    """Forget what was said of single parameters below a path that is now set as a whole."""
    for name in [each for each in known if path.endswith(".") and each.startswith(path)]:
        del known[name]


def _access_list(henb: Cpe, name: str) -> tuple[str, ...]:
    """Return who beside the ACS may write a parameter: what was said of it or of the nearest above."""
    above = [path for path in henb.access_lists if path.endswith(".") and name.startswith(path)]
    found = [name] if name in henb.access_lists else above
    return henb.access_lists[max(found, key=len)] if found else ()


def _get_attributes(henb: Cpe, request: m.GetParameterAttributes, now: float) -> m.Message:
    names = _expand(henb, request.names)
    if isinstance(names, m.Fault):
        return names
    return m.GetParameterAttributesResponse(
        tuple(
            m.ParameterAttribute(_told(henb, name), henb.notification(name), _access_list(henb, name))
            for name in names
        )
    )


def _add_object(henb: Cpe, request: m.AddObject, now: float) -> m.Message:
    path, _, alias = request.object_name.removesuffix("].").rpartition("[")
    if not request.object_name.endswith("]."):
        path, alias = request.object_name, ""
    table = _resolved(henb, path)
    model = henb.tree.template.model
    spec = None if table is None else model.objects.get(pattern_of(table.rstrip(".")) + ".{i}.")
    if table is None or spec is None or not table.endswith(".") or henb.tree.names(table) is None:
        return m.Fault(9005, f"Invalid parameter name: {request.object_name[:200]}")
    if not spec.writable:
        return m.Fault(9001, f"{request.object_name} takes no instances")
    if alias and resolve(henb.tree, f"{table}[{alias}].") is not None:
        return m.Fault(9007, f"there is an instance [{alias[:64]}] already")
    instance = _row(henb, table, alias)
    if instance is None:
        return m.Fault(9005, f"the instances of {table} have no Alias")
    henb.tree.set(_KEY, request.parameter_key)
    henb.record("AddObject", request.parameter_key, now)
    return m.AddObjectResponse(instance, 0)


def _row(henb: Cpe, table: str, alias: str) -> int | None:
    """Add an instance to a table and return its number; None where it can't be or can't have this alias."""
    model = henb.tree.template.model
    pattern = pattern_of(table.rstrip(".")) + ".{i}."
    spec = model.objects.get(pattern)
    if spec is None or not spec.writable or (alias and f"{pattern}Alias" not in model.parameters):
        return None
    instance = max(_instances(henb, table), default=0) + 1
    base = f"{table}{instance}."
    for path in [pattern, *(each for each in model.objects if each.startswith(pattern) and each != pattern)]:
        if "{i}" in path[len(pattern) :]:
            continue
        for parameter in model.parameters_of(path):
            name = base + parameter.path[len(pattern) :]
            henb.tree.add(name, parameter.default, parameter.xsd_type)
    for rest, value in _ROW_DEFAULTS.get(pattern, {}).items():
        henb.tree.set(base + rest, value)
    if f"{pattern}Alias" in model.parameters:
        henb.tree.set(f"{base}Alias", alias or f"cpe-{instance}")
    _count(henb, table)
    return instance


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
    path = _resolved(henb, request.object_name)
    spec = None if path is None else henb.tree.template.model.object(path)
    if path is None or spec is None or not spec.multiple or not henb.tree.names(path):
        return m.Fault(9005, f"Invalid parameter name: {request.object_name[:200]}")
    if not spec.writable:
        return m.Fault(9001, f"{request.object_name} can't be deleted")
    henb.tree.remove_below(path)
    for known in (henb.attributes, henb.access_lists):
        _override(known, path)
    _count(henb, path[: path[:-1].rfind(".") + 1])
    henb.tree.set(_KEY, request.parameter_key)
    henb.record("DeleteObject", request.parameter_key, now)
    return m.DeleteObjectResponse(0)


_HANDLERS: dict[type, Handler] = {
    m.GetRPCMethods: _get_rpc_methods,
    m.GetParameterValues: _get_values,
    m.SetParameterValues: _set_values,
    m.GetParameterNames: _get_names,
    m.SetParameterAttributes: _set_attributes,
    m.GetParameterAttributes: _get_attributes,
    m.AddObject: _add_object,
    m.DeleteObject: _delete_object,
    **FILE_HANDLERS,
    **SYSTEM_HANDLERS,
}
