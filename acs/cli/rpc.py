"""``acs commands send``: one sub-command per RPC of a CPE, and raw JSON for all of them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from acs.cli.input import pair_of
from acs.cli.rpc_device import device
from acs.cli.rpc_parameters import parameters
from acs.cli.rpc_transfers import transfers
from acs.cli.send import sends
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
rpc.add_typer(parameters)
rpc.add_typer(transfers)
rpc.add_typer(device)


@rpc.command("raw")
@sends()
def raw_command(
    key: str,
    method: Annotated[str, typer.Argument(help="For example Reboot or GetParameterValues.")],
    fields: Annotated[
        str, typer.Argument(help='The arguments as JSON, for example \'{"names": ["Device.DeviceInfo."]}\'.')
    ] = "{}",
) -> m.Message:
    """Any RPC, its arguments as JSON.

    Example: acs commands send 0005B9-A1 GetParameterValues '{"names": ["Device.DeviceInfo."]}'
    """
    from acs.cwmp import unpack

    if method not in m.CPE_METHODS:
        known = ", ".join(sorted(m.CPE_METHODS))
        hint = "; a vendor's method is sent with: acs commands send vendor"
        raise AcsError(f"{method!r} is no method of a CPE; known are {known}{hint}")
    try:
        arguments = msgspec.json.decode(fields, type=dict[str, Any])
        _demand_known(method, arguments)
        if method in m.KEYED_METHODS:
            arguments.setdefault("command_key", key)
        return unpack(method, arguments)
    except KeyError as error:
        raise AcsError(f"the arguments of {method} are wrong: {error} is missing, or not known") from error
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError) as error:
        raise AcsError(f"the arguments of {method} are wrong: {error}") from error


def _demand_known(method: str, arguments: dict[str, Any]) -> None:
    """Raise ``AcsError`` for an argument that a method does not have: it would not be sent."""
    known = [each.name for each in dataclasses.fields(m.METHODS[method])]
    unknown = sorted(arguments.keys() - set(known))
    if unknown:
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise AcsError(f"{method} has no argument {unknown[0][:60]!r}; {has}")


@rpc.command("vendor")
@sends()
def vendor(
    method: Annotated[str, typer.Argument(help="Its name, for example X_0005B9_Ping.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE…]", help="Its arguments, in their order.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="XML namespace; that of CWMP by default.")] = "",
) -> m.Message:
    """Call a vendor's own method with arguments of text.

    Example: acs commands send vendor 0005B9-A1 X_0005B9_Ping Host=192.0.2.1 Count=3 --wait 60
    """
    pairs = tuple(pair_of(each, "NAME=VALUE") for each in arguments or [])
    return m.UnknownMethod(namespace, method, pairs)
