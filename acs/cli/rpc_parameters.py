"""``acs commands send``: RPCs about parameters and objects of the data model (TR-069 A.3.2)."""

from __future__ import annotations

from typing import Annotated

import typer

from acs.cli.input import pair_of
from acs.cli.send import sends
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["parameters"]

parameters = typer.Typer()
attributes = typer.Typer(no_args_is_help=True, help="Notification and access list: get, set.")

Names = Annotated[list[str], typer.Argument(help="Parameters, or objects that end with a dot.")]

_NOTIFICATIONS = {
    "off": 0,
    "passive": 1,
    "active": 2,
    "passive-lightweight": 3,
    "passive+passive-lightweight": 4,
    "active-lightweight": 5,
    "passive+active-lightweight": 6,
}


@parameters.command("get")
@sends()
def get_values(names: Names) -> m.Message:
    """GetParameterValues: read parameters. A read too large for the device is split, its answers merged.

    Example: acs commands send get 0005B9-A1 Device.DeviceInfo. Device.Time.NTPServer1 --wait 30
    """
    return m.GetParameterValues(tuple(names))


@parameters.command("set")
@sends()
def set_values(
    key: str,
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE…", help="What to set.")],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="NAME=xsd:…, where neither the model nor the device tells the type."),
    ] = None,
    parameter_key: Annotated[str, typer.Option(help="ParameterKey; the command's key by default.")] = "",
) -> m.Message:
    """SetParameterValues: set parameters, all of them or none. Types are those of the data model.

    Example: acs commands send set 0005B9-A1 Device.ManagementServer.PeriodicInformInterval=600 --wait 30
    """
    pairs = [pair_of(each, "NAME=VALUE") for each in values]
    declared = dict(pair_of(each, "NAME=xsd:string") for each in types or [])
    unknown = declared.keys() - {name for name, _ in pairs}
    if unknown:
        raise AcsError(f"--type names {', '.join(sorted(unknown))}, which is not set")
    parameters = tuple(m.ParameterValue(name, value, declared.get(name, "")) for name, value in pairs)
    return m.SetParameterValues(parameters, parameter_key or key)


@parameters.command("names")
@sends()
def get_names(
    path: Annotated[str, typer.Argument(help="An object that ends with a dot, or a parameter.")] = "Device.",
    everything: Annotated[bool, typer.Option("--all", help="All levels, not only the next.")] = False,
) -> m.Message:
    """GetParameterNames: what the device has below a path, and whether it can be written.

    Example: acs commands send names 0005B9-A1 Device.Services.FAPService.1. --wait 30
    """
    return m.GetParameterNames(path, not everything and path.endswith("."))


parameters.add_typer(attributes, name="attributes")


@attributes.command("get")
@sends()
def get_attributes(names: Names) -> m.Message:
    """GetParameterAttributes: which parameters the device notifies of, and who else may write them.

    Example: acs commands send attributes get 0005B9-A1 Device.FaultMgmt. --wait 30
    """
    return m.GetParameterAttributes(tuple(names))


@attributes.command("set")
@sends()
def set_attributes(
    names: Names,
    notification: Annotated[
        str, typer.Option(help=f"One of {', '.join(_NOTIFICATIONS)}; as it is by default.")
    ] = "",
    access: Annotated[
        str, typer.Option(help="Who beside the ACS may write: Subscriber, or none; as it is by default.")
    ] = "",
) -> m.Message:
    """SetParameterAttributes: have the device notify of changes.

    Example: acs commands send attributes set 0005B9-A1 Device.FaultMgmt.ExpeditedEvent. --notification active
    """
    if not notification and not access:
        raise AcsError("nothing is to be set; name --notification or --access")
    if notification and notification not in _NOTIFICATIONS:
        raise AcsError(f"the notification {notification!r} is none of {', '.join(_NOTIFICATIONS)}")
    level = _NOTIFICATIONS[notification] if notification else None
    entities = None if not access else () if access == "none" else tuple(access.split(","))
    return m.SetParameterAttributes(tuple(m.SetParameterAttribute(name, level, entities) for name in names))


@parameters.command("add")
@sends()
def add_object(
    key: str,
    path: Annotated[str, typer.Argument(help="A table, which ends with a dot; or Table.[alias].")],
) -> m.Message:
    """AddObject: a new instance of a table; the answer tells its number.

    Example: acs commands send add 0005B9-A1 Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.
    """
    return m.AddObject(path, key)


@parameters.command("delete")
@sends()
def delete_object(
    key: str,
    path: Annotated[str, typer.Argument(help="An instance, for example Device.Users.User.2.")],
) -> m.Message:
    """DeleteObject: remove an instance and all that is below it.

    Example: acs commands send delete 0005B9-A1 Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.2.
    """
    return m.DeleteObject(path, key)
