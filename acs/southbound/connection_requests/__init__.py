"""Connection requests: devices for which something waits are called (TR-069 3.2.2, annexes G and K)."""

from acs.southbound.connection_requests.device_tls import DeviceTls
from acs.southbound.connection_requests.dispatcher import Dispatcher, seal_call_password
from acs.southbound.connection_requests.guard import CallError, Guard, allowed
from acs.southbound.connection_requests.http import HttpWay
from acs.southbound.connection_requests.udp import UdpWay
from acs.southbound.connection_requests.ways import Outcome, Reason, Target, Way, order_of_ways
from acs.southbound.connection_requests.xmpp import XmppWay

__all__ = [
    "CallError",
    "DeviceTls",
    "Dispatcher",
    "Guard",
    "HttpWay",
    "Outcome",
    "Reason",
    "Target",
    "UdpWay",
    "Way",
    "XmppWay",
    "allowed",
    "order_of_ways",
    "seal_call_password",
]
