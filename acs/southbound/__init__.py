"""CWMP over HTTP: listener, authentication, sessions, connection requests, file server."""

from acs.southbound.authentication import seal_device_password
from acs.southbound.bulk_collector import BulkCollector
from acs.southbound.connection_requests import (
    CallError,
    DeviceTls,
    Dispatcher,
    Guard,
    HttpWay,
    UdpWay,
    Way,
    XmppWay,
    seal_call_password,
)
from acs.southbound.distress import Medium, TriggerSender, UdpMedium, XmppMedium, coap_medium
from acs.southbound.endpoint import Endpoint
from acs.southbound.files import FileServer
from acs.southbound.guarded import guarded
from acs.southbound.guarded_listener import listen_for_managers
from acs.southbound.listener import Southbound, bind
from acs.southbound.notifications import NotificationServer
from acs.southbound.placeholders import seal_config_secret
from acs.southbound.pm_files import PmFiles, read_pm_file
from acs.southbound.stun import StunServer

__all__ = [
    "BulkCollector",
    "CallError",
    "DeviceTls",
    "Dispatcher",
    "Endpoint",
    "FileServer",
    "Guard",
    "HttpWay",
    "Medium",
    "NotificationServer",
    "PmFiles",
    "Southbound",
    "StunServer",
    "TriggerSender",
    "UdpMedium",
    "UdpWay",
    "Way",
    "XmppMedium",
    "XmppWay",
    "bind",
    "coap_medium",
    "guarded",
    "listen_for_managers",
    "read_pm_file",
    "seal_call_password",
    "seal_config_secret",
    "seal_device_password",
]
