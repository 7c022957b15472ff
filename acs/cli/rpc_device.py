"""``acs commands send``: RPCs about the device itself (TR-069 A.3.1, A.3.2.9, A.4.1)."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Annotated

import typer

from acs.cli.input import read_file
from acs.cli.send import sends
from acs.cwmp import messages as m

__all__ = ["device"]

device = typer.Typer()


@device.command("reboot")
@sends()
def reboot(key: str) -> m.Message:
    """Reboot: done when the device says M Reboot with the command's key.

    Example: acs commands send reboot 0005B9-A1 --wait 300
    """
    return m.Reboot(key)


@device.command("factory-reset")
@sends()
def factory_reset() -> m.Message:
    """FactoryReset: all configuration is lost; done when the device says 0 BOOTSTRAP.

    Example: acs commands send factory-reset 0005B9-A1 --wait 300
    """
    return m.FactoryReset()


@device.command("schedule-inform")
@sends()
def schedule_inform(
    key: str,
    seconds: Annotated[int, typer.Argument(help="In how many seconds the device is to come.", min=1)],
) -> m.Message:
    """ScheduleInform: have the device open a session later, with M ScheduleInform.

    Example: acs commands send schedule-inform 0005B9-A1 600
    """
    return m.ScheduleInform(seconds, key)


@device.command("methods")
@sends()
def get_methods() -> m.Message:
    """GetRPCMethods: which methods the device knows.

    Example: acs commands send methods 0005B9-A1 --wait 30
    """
    return m.GetRPCMethods()


@device.command("options")
@sends()
def get_options(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One option; all by default.")] = "",
) -> m.Message:
    """GetOptions: which options are enabled by vouchers (deprecated since TR-069 Amendment 3).

    Example: acs commands send options 0005B9-A1 --wait 30
    """
    return m.GetOptions(name)


@device.command("set-vouchers")
@sends()
def set_vouchers(
    vouchers: Annotated[list[Path], typer.Argument(help="Files, each one signed voucher (TR-069 Annex C).")],
) -> m.Message:
    """SetVouchers: load option vouchers (deprecated since TR-069 Amendment 3).

    Example: acs commands send set-vouchers 0005B9-A1 option.xml
    """
    content = tuple(b64encode(read_file(path)).decode("ascii") for path in vouchers)
    return m.SetVouchers(content)
