"""The CPE's side of what is about the device itself: restarts, sessions, modules, options (TR-069 A.4.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from acs.cwmp import messages as m
from acs.simulator.cpe import Cpe

__all__ = ["SYSTEM_HANDLERS", "vendor_call"]

_MOST_OPTIONS = 16


def _reboot(henb: Cpe, request: m.Reboot, now: float) -> m.Message:
    henb.after_session("Reboot", request.command_key)
    return m.RebootResponse()


def _factory_reset(henb: Cpe, request: m.FactoryReset, now: float) -> m.Message:
    henb.after_session("FactoryReset", "")
    return m.FactoryResetResponse()


def _schedule_inform(henb: Cpe, request: m.ScheduleInform, now: float) -> m.Message:
    if request.delay_seconds < 1:
        return m.Fault(9003, "DelaySeconds is greater than 0")
    henb.schedule_inform(request.delay_seconds, request.command_key, now)
    return m.ScheduleInformResponse()


def _change_du_state(henb: Cpe, request: m.ChangeDUState, now: float) -> m.Message:
    if not 1 <= len(request.operations) <= 16:
        return m.Fault(9004, f"{len(request.operations)} operations; 1 to 16 are possible at once")
    henb.schedule_modules(request.operations, request.command_key, now)
    return m.ChangeDUStateResponse()


def _get_options(henb: Cpe, request: m.GetOptions, now: float) -> m.Message:
    if request.option_name and request.option_name not in henb.options:
        return m.Fault(9003, f"there is no option {request.option_name[:64]}")
    found = henb.options.values()
    names = (request.option_name or each.option_name for each in found)
    return m.GetOptionsResponse(tuple({name: henb.options[name] for name in names}.values()))


def _set_vouchers(henb: Cpe, request: m.SetVouchers, now: float) -> m.Message:
    """Take vouchers; the simulated vendor's is the name of the option as text."""
    names = []
    for voucher in request.vouchers:
        try:
            names.append(base64.b64decode(voucher, validate=True).decode("ascii"))
        except (binascii.Error, ValueError):
            return m.Fault(9003, "a voucher is no base64 of text")
    if any(not 0 < len(name) <= 64 for name in names) or len({*henb.options, *names}) > _MOST_OPTIONS:
        return m.Fault(9003, f"an option has 1 to 64 characters, a device {_MOST_OPTIONS} options")
    for number, name in enumerate(names, len(henb.options) + 1):
        henb.options[name] = m.OptionStruct(name, number, 1, 2, m.UNKNOWN_TIME, "", False)
    return m.SetVouchersResponse()


def vendor_call(henb: Cpe, request: m.UnknownMethod, now: float) -> m.Message:
    """Answer the one method of the simulated vendor; it tells back what it is told."""
    if request.name != "X_0005B9_Echo":
        return m.Fault(9000, f"Method not supported: {request.name[:64]}")
    return m.UnknownMethod(request.namespace, "X_0005B9_EchoResponse", request.arguments)


SYSTEM_HANDLERS: dict[type, Callable[[Cpe, Any, float], m.Message]] = {
    m.Reboot: _reboot,
    m.FactoryReset: _factory_reset,
    m.ScheduleInform: _schedule_inform,
    m.ChangeDUState: _change_du_state,
    m.GetOptions: _get_options,
    m.SetVouchers: _set_vouchers,
    m.UnknownMethod: vendor_call,
}
