"""What may be done over a distress channel: the equivalent of a few methods (S1 L54)."""

from __future__ import annotations

import re

from acs.cwmp import messages as m

__all__ = ["DISTRESS", "STANDARD", "Channel", "may_ask", "may_send"]

Channel = str
STANDARD: Channel = "standard"
DISTRESS: Channel = "distress"
_METHODS = (m.GetRPCMethods, m.Reboot, m.FactoryReset, m.Download, m.GetParameterValues)
_ASKED = (m.TransferComplete, m.GetRPCMethods)
_TEST = re.compile(r"(?:Device|InternetGatewayDevice)\.SelfTestDiagnostics\.DiagnosticsState")


def may_send(message: m.Message) -> bool:
    """Tell whether the HeMS may send this request over a distress channel.

    Of SetParameterValues only the Emergency Diagnostic Test is left. Whatever else waits for the device goes
    on waiting, for a session on the standard path.
    """
    if isinstance(message, m.SetParameterValues):
        return all(_TEST.fullmatch(each.name) and each.value == "Requested" for each in message.parameters)
    return isinstance(message, _METHODS)


def may_ask(message: m.Message) -> bool:
    """Tell whether the HeNB may call this method of the HeMS over a distress channel."""
    return isinstance(message, _ASKED)
