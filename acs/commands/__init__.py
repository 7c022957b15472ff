"""The durable command queue of each device: the only way to make a device do anything."""

from acs.commands.check import check_request
from acs.commands.discovery import (
    DISCOVERY,
    Discovery,
    discover,
    discovered_tree,
    discovery_of,
    discovery_settled,
    renew_discovery,
)
from acs.commands.evidence import (
    du_state_change_complete,
    informed,
    is_repeated,
    never_restarted,
    transfer_complete,
)
from acs.commands.model import OPEN, Command, Recovery, lasts, recovery_of
from acs.commands.parts import count_parts
from acs.commands.queue import (
    asked_anew,
    cancel,
    command_of_key,
    enqueue,
    expire,
    extend,
    fail,
    find_command,
    list_commands,
    next_command,
    once_more,
    open_commands,
    outstanding,
    requests_with_placeholders,
    settle,
)
from acs.commands.refuse import RefusedRequest, problems_of, told_types
from acs.commands.retention import expire_overdue, prune_commands
from acs.commands.sealed import holds_secrets, masked, open_request, seal_request, secret_for, secret_in

__all__ = [
    "DISCOVERY",
    "OPEN",
    "Command",
    "Discovery",
    "Recovery",
    "RefusedRequest",
    "asked_anew",
    "cancel",
    "check_request",
    "command_of_key",
    "count_parts",
    "discover",
    "discovered_tree",
    "discovery_of",
    "discovery_settled",
    "du_state_change_complete",
    "enqueue",
    "expire",
    "expire_overdue",
    "extend",
    "fail",
    "find_command",
    "holds_secrets",
    "informed",
    "is_repeated",
    "lasts",
    "list_commands",
    "masked",
    "never_restarted",
    "next_command",
    "once_more",
    "open_commands",
    "open_request",
    "outstanding",
    "problems_of",
    "prune_commands",
    "recovery_of",
    "renew_discovery",
    "requests_with_placeholders",
    "seal_request",
    "secret_for",
    "secret_in",
    "settle",
    "told_types",
    "transfer_complete",
]
