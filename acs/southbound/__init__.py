"""CWMP over HTTP: listener, authentication, sessions, connection requests, file server."""

from acs.southbound.authentication import seal_device_password
from acs.southbound.connection_request import Dispatcher
from acs.southbound.endpoint import Endpoint
from acs.southbound.files import FileStore, FileUrls, file_handler
from acs.southbound.listener import Southbound, bind

__all__ = [
    "Dispatcher",
    "Endpoint",
    "FileStore",
    "FileUrls",
    "Southbound",
    "bind",
    "file_handler",
    "seal_device_password",
]
