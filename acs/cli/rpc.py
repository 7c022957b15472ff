"""``acs commands send``: one sub-command per RPC of a CPE, and raw JSON for all of them."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from acs.cli.input import read_file
from acs.cli.options import Config, Data, DeviceKey
from acs.cli.send import Expires, Force, Key, Wait, send, with_key
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["rpc"]


class _OrRaw(TyperGroup):
    """A word that is no sub-command is a device: then what follows is a method and its JSON."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["raw", *args]
        return super().resolve_command(ctx, args)


rpc = typer.Typer(
    cls=_OrRaw,
    no_args_is_help=True,
    help="""Queue an RPC for a device; it is called at once if it can be.

    Example: `acs commands send get 0005B9-A1 Device.DeviceInfo. --wait 30`

    What is sent is checked against TR-069 and the data model first; `--force` sends it all the same.
    Without a sub-command the method and its arguments are given as JSON:
    `acs commands send 0005B9-A1 Reboot '{"command_key": "k1"}'`""",
)

Names = Annotated[list[str], typer.Argument(help="Parameters, or objects that end with a dot.")]
FileType = Annotated[str, typer.Option("--type", help="FileType of TR-069, or a vendor's 'X 0005B9 …'.")]
User = Annotated[str, typer.Option("--username", help="For the file server.")]
Secret = Annotated[
    str, typer.Option("--password", help="For the file server; - reads it from standard input.")
]
Delay = Annotated[int, typer.Option("--delay", help="Seconds the device waits before it begins.", min=0)]


@rpc.command("raw")
def raw_command(
    device: DeviceKey,
    method: Annotated[str, typer.Argument(help="For example Reboot or GetParameterValues.")],
    fields: Annotated[
        str, typer.Argument(help='The arguments as JSON, for example \'{"names": ["Device.DeviceInfo."]}\'.')
    ] = "{}",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Any RPC, its arguments as JSON.

    Example: acs commands send 0005B9-A1 GetParameterValues '{"names": ["Device.DeviceInfo."]}'
    """
    from acs.cwmp import unpack

    if method not in m.CPE_METHODS:
        known = ", ".join(sorted(m.CPE_METHODS))
        hint = "; a vendor's method is sent with: acs commands send vendor"
        raise AcsError(f"{method!r} is no method of a CPE; known are {known}{hint}")
    key = with_key(key)
    try:
        arguments = msgspec.json.decode(fields, type=dict[str, Any])
        _demand_known(method, arguments)
        if method in ("Reboot", "Download", "Upload", "ScheduleDownload", "ScheduleInform", "ChangeDUState"):
            arguments.setdefault("command_key", key)
        message = unpack(method, arguments)
    except KeyError as error:
        raise AcsError(f"the arguments of {method} are wrong: {error} is missing, or not known") from error
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError) as error:
        raise AcsError(f"the arguments of {method} are wrong: {error}") from error
    send(device, message, data, config, key, expires, wait, force)


def _demand_known(method: str, arguments: dict[str, Any]) -> None:
    """Raise ``AcsError`` for an argument that a method does not have: it would not be sent."""
    known = [each.name for each in dataclasses.fields(m.METHODS[method])]
    unknown = sorted(arguments.keys() - set(known))
    if unknown:
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise AcsError(f"{method} has no argument {unknown[0][:60]!r}; {has}")


@rpc.command("get")
def get_values(
    device: DeviceKey,
    names: Names,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetParameterValues: read parameters. A read too large for the device is split, its answers merged.

    Example: acs commands send get 0005B9-A1 Device.DeviceInfo. Device.Time.NTPServer1 --wait 30
    """
    send(device, m.GetParameterValues(tuple(names)), data, config, key, expires, wait, force)


@rpc.command("set")
def set_values(
    device: DeviceKey,
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE…", help="What to set.")],
    data: Data = None,
    config: Config = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="NAME=xsd:…, where neither the model nor the device tells the type."),
    ] = None,
    parameter_key: Annotated[str, typer.Option(help="ParameterKey; the command's key by default.")] = "",
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """SetParameterValues: set parameters, all of them or none. Types are those of the data model.

    Example: acs commands send set 0005B9-A1 Device.ManagementServer.PeriodicInformInterval=600 --wait 30
    """
    pairs = [_pair(each, "NAME=VALUE") for each in values]
    declared = dict(_pair(each, "NAME=xsd:string") for each in types or [])
    unknown = declared.keys() - {name for name, _ in pairs}
    if unknown:
        raise AcsError(f"--type names {', '.join(sorted(unknown))}, which is not set")
    key = with_key(key)
    parameters = tuple(m.ParameterValue(name, value, declared.get(name, "")) for name, value in pairs)
    message = m.SetParameterValues(parameters, parameter_key or key)
    send(device, message, data, config, key, expires, wait, force)


def _pair(text: str, form: str) -> tuple[str, str]:
    # An alias may hold "=": the first one after the last bracket separates.
    start = text.rfind("]", 0, text.find("=", text.rfind("].") + 1) + 1) + 1
    name, equals, value = text[start:].partition("=")
    if not equals or not (text[:start] + name):
        raise AcsError(f"{text!r} is not of the form {form}")
    return text[:start] + name, value


@rpc.command("names")
def get_names(
    device: DeviceKey,
    path: Annotated[str, typer.Argument(help="An object that ends with a dot, or a parameter.")] = "Device.",
    everything: Annotated[bool, typer.Option("--all", help="All levels, not only the next.")] = False,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetParameterNames: what the device has below a path, and whether it can be written.

    Example: acs commands send names 0005B9-A1 Device.Services.FAPService.1. --wait 30
    """
    message = m.GetParameterNames(path, not everything and path.endswith("."))
    send(device, message, data, config, key, expires, wait, force)


attributes = typer.Typer(no_args_is_help=True, help="Notification and access list: get, set.")
rpc.add_typer(attributes, name="attributes")


@attributes.command("get")
def get_attributes(
    device: DeviceKey,
    names: Names,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetParameterAttributes: which parameters the device notifies of, and who else may write them.

    Example: acs commands send attributes get 0005B9-A1 Device.FaultMgmt. --wait 30
    """
    send(device, m.GetParameterAttributes(tuple(names)), data, config, key, expires, wait, force)


_NOTIFICATIONS = {
    "off": 0,
    "passive": 1,
    "active": 2,
    "passive-lightweight": 3,
    "passive+passive-lightweight": 4,
    "active-lightweight": 5,
    "passive+active-lightweight": 6,
}


@attributes.command("set")
def set_attributes(
    device: DeviceKey,
    names: Names,
    notification: Annotated[
        str, typer.Option(help=f"One of {', '.join(_NOTIFICATIONS)}; as it is by default.")
    ] = "",
    access: Annotated[
        str, typer.Option(help="Who beside the ACS may write: Subscriber, or none; as it is by default.")
    ] = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """SetParameterAttributes: have the device notify of changes.

    Example: acs commands send attributes set 0005B9-A1 Device.FaultMgmt.ExpeditedEvent. --notification active
    """
    if not notification and not access:
        raise AcsError("nothing is to be set; name --notification or --access")
    if notification and notification not in _NOTIFICATIONS:
        raise AcsError(f"the notification {notification!r} is none of {', '.join(_NOTIFICATIONS)}")
    level = _NOTIFICATIONS[notification] if notification else None
    entities = None if not access else () if access == "none" else tuple(access.split(","))
    message = m.SetParameterAttributes(
        tuple(m.SetParameterAttribute(name, level, entities) for name in names)
    )
    send(device, message, data, config, key, expires, wait, force)


@rpc.command("add")
def add_object(
    device: DeviceKey,
    path: Annotated[str, typer.Argument(help="A table, which ends with a dot; or Table.[alias].")],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """AddObject: a new instance of a table; the answer tells its number.

    Example: acs commands send add 0005B9-A1 Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.
    """
    key = with_key(key)
    send(device, m.AddObject(path, key), data, config, key, expires, wait, force)


@rpc.command("delete")
def delete_object(
    device: DeviceKey,
    path: Annotated[str, typer.Argument(help="An instance, for example Device.Users.User.2.")],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """DeleteObject: remove an instance and all that is below it.

    Example: acs commands send delete 0005B9-A1 Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList.2.
    """
    key = with_key(key)
    send(device, m.DeleteObject(path, key), data, config, key, expires, wait, force)


@rpc.command("reboot")
def reboot(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Reboot: done when the device says M Reboot with the command's key.

    Example: acs commands send reboot 0005B9-A1 --wait 300
    """
    key = with_key(key)
    send(device, m.Reboot(key), data, config, key, expires, wait, force)


@rpc.command("factory-reset")
def factory_reset(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """FactoryReset: all configuration is lost; done when the device says 0 BOOTSTRAP.

    Example: acs commands send factory-reset 0005B9-A1 --wait 300
    """
    send(device, m.FactoryReset(), data, config, key, expires, wait, force)


def _password(given: str) -> str:
    return sys.stdin.readline().rstrip("\r\n") if given == "-" else given


@rpc.command("download")
def download(
    device: DeviceKey,
    url: Annotated[str, typer.Argument(help="Where the device fetches the file.")],
    file_type: FileType = "1 Firmware Upgrade Image",
    size: Annotated[int, typer.Option(help="FileSize in bytes; 0: not told.", min=0)] = 0,
    target: Annotated[str, typer.Option(help="TargetFileName.")] = "",
    delay: Delay = 0,
    username: User = "",
    password: Secret = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Download: have the device fetch a file; done when it says TransferComplete.

    Example: acs commands send download 0005B9-A1 https://files.example/henb-2.0.0.img --wait 600
    """
    key = with_key(key)
    message = m.Download(key, file_type, url, username, _password(password), size, target, delay)
    send(device, message, data, config, key, expires, wait, force)


@rpc.command("schedule-download")
def schedule_download(
    device: DeviceKey,
    url: Annotated[str, typer.Argument(help="Where the device fetches the file.")],
    window: Annotated[
        list[str],
        typer.Option(help="START-END[:MODE] in seconds from now; one or two. MODE: '1 At Any Time', …"),
    ],
    file_type: FileType = "1 Firmware Upgrade Image",
    size: Annotated[int, typer.Option(help="FileSize in bytes; 0: not told.", min=0)] = 0,
    target: Annotated[str, typer.Option(help="TargetFileName.")] = "",
    user_message: Annotated[str, typer.Option(help="UserMessage, for '4 Confirmation Needed'.")] = "",
    username: User = "",
    password: Secret = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 86400,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """ScheduleDownload: fetch a file within time windows (CWMP 1.2).

    Example: acs commands send schedule-download 0005B9-A1 https://files.example/henb.img --window 0-3600
    """
    key = with_key(key)
    windows = tuple(_window(each, user_message) for each in window)
    message = m.ScheduleDownload(key, file_type, url, username, _password(password), size, target, windows)
    send(device, message, data, config, key, expires, wait, force)


def _window(text: str, user_message: str) -> m.TimeWindow:
    span, _, mode = text.partition(":")
    start, dash, end = span.partition("-")
    if not dash or not start.isdecimal() or not end.isdecimal():
        raise AcsError(f"the window {text!r} is not of the form START-END[:MODE], for example 0-3600")
    return m.TimeWindow(int(start), int(end), mode or "2 Immediately", user_message)


@rpc.command("upload")
def upload(
    device: DeviceKey,
    url: Annotated[str, typer.Argument(help="Where the device puts the file.")],
    file_type: FileType = "4 Vendor Log File 1",
    delay: Delay = 0,
    username: User = "",
    password: Secret = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Upload: have the device send a file; done when it says TransferComplete.

    Example: acs commands send upload 0005B9-A1 https://files.example/log --type '4 Vendor Log File 1'
    """
    key = with_key(key)
    message = m.Upload(key, file_type, url, username, _password(password), delay)
    send(device, message, data, config, key, expires, wait, force)


@rpc.command("cancel-transfer")
def cancel_transfer(
    device: DeviceKey,
    transfer: Annotated[str, typer.Argument(help="CommandKey of the transfer, see queued-transfers.")],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """CancelTransfer: withdraw a file transfer that the device has not finished (CWMP 1.2).

    Example: acs commands send cancel-transfer 0005B9-A1 op-0123456789abcdef --wait 30
    """
    send(device, m.CancelTransfer(transfer), data, config, key, expires, wait, force)


@rpc.command("queued-transfers")
def queued_transfers(
    device: DeviceKey,
    mine: Annotated[
        bool, typer.Option("--mine", help="GetQueuedTransfers: only those an ACS asked for.")
    ] = False,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetAllQueuedTransfers: the file transfers that the device has in hand (CWMP 1.1).

    Example: acs commands send queued-transfers 0005B9-A1 --wait 30
    """
    message = m.GetQueuedTransfers() if mine else m.GetAllQueuedTransfers()
    send(device, message, data, config, key, expires, wait, force)


@rpc.command("schedule-inform")
def schedule_inform(
    device: DeviceKey,
    seconds: Annotated[int, typer.Argument(help="In how many seconds the device is to come.", min=1)],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """ScheduleInform: have the device open a session later, with M ScheduleInform.

    Example: acs commands send schedule-inform 0005B9-A1 600
    """
    key = with_key(key)
    send(device, m.ScheduleInform(seconds, key), data, config, key, expires, wait, force)


@rpc.command("change-du-state")
def change_du_state(
    device: DeviceKey,
    install: Annotated[list[str] | None, typer.Option(help="URL[,uuid=…][,env=…] to install.")] = None,
    update: Annotated[list[str] | None, typer.Option(help="UUID[,url=…][,version=…] to update.")] = None,
    uninstall: Annotated[list[str] | None, typer.Option(help="UUID[,version=…] to remove.")] = None,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """ChangeDUState: install, update and remove deployment units; done at DUStateChangeComplete (CWMP 1.2).

    Example: acs commands send change-du-state 0005B9-A1 --install https://files.example/unit.tar --wait 120
    """
    key = with_key(key)
    operations: list[Any] = []
    for text in install or []:
        head, more = _details(text, "uuid", "env")
        uuid, env = more.get("uuid", ""), more.get("env", "")
        operations.append(m.InstallOperation(head, uuid, execution_env_ref=env))
    for text in update or []:
        head, more = _details(text, "url", "version")
        operations.append(m.UpdateOperation(head, more.get("version", ""), more.get("url", "")))
    for text in uninstall or []:
        head, more = _details(text, "version", "env")
        operations.append(m.UninstallOperation(head, more.get("version", ""), more.get("env", "")))
    send(device, m.ChangeDUState(key, tuple(operations)), data, config, key, expires, wait, force)


def _details(text: str, *known: str) -> tuple[str, dict[str, str]]:
    head, *rest = text.split(",")
    pairs = dict(_pair(each, "name=value") for each in rest)
    strange = pairs.keys() - set(known)
    if strange:
        raise AcsError(f"{text!r}: {', '.join(sorted(strange))} is unknown; use {' or '.join(known)}")
    return head, pairs


@rpc.command("options")
def get_options(
    device: DeviceKey,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One option; all by default.")] = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetOptions: which options are enabled by vouchers (deprecated since TR-069 Amendment 3).

    Example: acs commands send options 0005B9-A1 --wait 30
    """
    send(device, m.GetOptions(name), data, config, key, expires, wait, force)


@rpc.command("set-vouchers")
def set_vouchers(
    device: DeviceKey,
    vouchers: Annotated[list[Path], typer.Argument(help="Files, each one signed voucher (TR-069 Annex C).")],
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """SetVouchers: load option vouchers (deprecated since TR-069 Amendment 3).

    Example: acs commands send set-vouchers 0005B9-A1 option.xml
    """
    from base64 import b64encode

    content = tuple(b64encode(read_file(path)).decode("ascii") for path in vouchers)
    send(device, m.SetVouchers(content), data, config, key, expires, wait, force)


@rpc.command("methods")
def get_methods(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """GetRPCMethods: which methods the device knows.

    Example: acs commands send methods 0005B9-A1 --wait 30
    """
    send(device, m.GetRPCMethods(), data, config, key, expires, wait, force)


@rpc.command("vendor")
def vendor(
    device: DeviceKey,
    method: Annotated[str, typer.Argument(help="Its name, for example X_0005B9_Ping.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE…]", help="Its arguments, in their order.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="XML namespace; that of CWMP by default.")] = "",
    data: Data = None,
    config: Config = None,
    key: Key = "",
    expires: Expires = 3600,
    wait: Wait = 0,
    force: Force = False,
) -> None:
    """Call a vendor's own method with arguments of text.

    Example: acs commands send vendor 0005B9-A1 X_0005B9_Ping Host=192.0.2.1 Count=3 --wait 60
    """
    pairs = tuple(_pair(each, "NAME=VALUE") for each in arguments or [])
    send(device, m.UnknownMethod(namespace, method, pairs), data, config, key, expires, wait, force)
