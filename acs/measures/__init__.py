"""Higher level measures (S1 5.7.4): what the network is asked to do about a device, and by whom."""

from acs.measures.model import (
    MEASURES,
    SYSTEM_OF,
    SYSTEMS,
    Carrier,
    Measure,
    MeasureName,
    Order,
    Target,
    operation_of,
)
from acs.measures.orders import (
    in_force,
    list_measures,
    prune_measures,
    request_measures,
    retry_measure,
    undo_measures,
)
from acs.measures.queue import LEASE, due_targets, release_all, settle, take_orders
from acs.measures.targets import add_target, list_targets, open_carrier, remove_target

__all__ = [
    "LEASE",
    "MEASURES",
    "SYSTEMS",
    "SYSTEM_OF",
    "Carrier",
    "Measure",
    "MeasureName",
    "Order",
    "Target",
    "add_target",
    "due_targets",
    "in_force",
    "list_measures",
    "list_targets",
    "open_carrier",
    "operation_of",
    "prune_measures",
    "release_all",
    "remove_target",
    "request_measures",
    "retry_measure",
    "settle",
    "take_orders",
    "undo_measures",
]
