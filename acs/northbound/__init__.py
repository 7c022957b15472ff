"""The northbound interface: REST for managers, scoped tokens, users."""

from acs.northbound.client_certificates import (
    ClientCertificate,
    allow_certificate,
    forget_certificate,
    list_certificates,
)
from acs.northbound.delivery import Deliverer
from acs.northbound.manager import ManagerClient
from acs.northbound.openapi import openapi_document
from acs.northbound.scopes import SCOPES, check_scopes
from acs.northbound.sender_loop import SenderLoop
from acs.northbound.server import Northbound
from acs.northbound.signature import sign, verify
from acs.northbound.tokens import Token, create_token, forget_tokens, list_tokens, revoke_token
from acs.northbound.users import (
    User,
    check_password,
    create_user,
    disable_user,
    hash_password,
    list_users,
    set_password,
)

__all__ = [
    "SCOPES",
    "ClientCertificate",
    "Deliverer",
    "ManagerClient",
    "Northbound",
    "SenderLoop",
    "Token",
    "User",
    "allow_certificate",
    "check_password",
    "check_scopes",
    "create_token",
    "create_user",
    "disable_user",
    "forget_certificate",
    "forget_tokens",
    "hash_password",
    "list_certificates",
    "list_tokens",
    "list_users",
    "openapi_document",
    "revoke_token",
    "set_password",
    "sign",
    "verify",
]
