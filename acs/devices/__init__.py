"""The registry: identity, admission, parameters, golden configuration, file catalogue, audit."""

from acs.devices.audit import audit, verify_audit
from acs.devices.catalogue import (
    FIRMWARE,
    CatalogueFile,
    add_file,
    approve_file,
    approved_image,
    find_file,
    list_files,
)
from acs.devices.check_in import CheckIn, check_in, parameters_of, save_parameters
from acs.devices.connection_requests import (
    ConnectionRequestTarget,
    connection_request_failed,
    connection_request_sent,
    due_connection_requests,
    session_over,
)
from acs.devices.golden import golden, golden_scopes, set_golden
from acs.devices.identity import Device, certificate_name, device_key
from acs.devices.registry import (
    Credentials,
    bind_certificate,
    block,
    count,
    credentials_by_username,
    find,
    get,
    listing,
    lock,
    mark_provisioned,
    register,
    set_connection_request_secret,
    set_digest_secret,
    unblock,
)

__all__ = [
    "FIRMWARE",
    "CatalogueFile",
    "CheckIn",
    "ConnectionRequestTarget",
    "Credentials",
    "Device",
    "add_file",
    "approve_file",
    "approved_image",
    "audit",
    "bind_certificate",
    "block",
    "certificate_name",
    "check_in",
    "connection_request_failed",
    "connection_request_sent",
    "count",
    "credentials_by_username",
    "device_key",
    "due_connection_requests",
    "find",
    "find_file",
    "get",
    "golden",
    "golden_scopes",
    "list_files",
    "listing",
    "lock",
    "mark_provisioned",
    "parameters_of",
    "register",
    "save_parameters",
    "session_over",
    "set_connection_request_secret",
    "set_digest_secret",
    "set_golden",
    "unblock",
    "verify_audit",
]
