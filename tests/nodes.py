"""Real nodes on free ports of the loopback, and the fleets that come to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any

from acs import devices as dev
from acs.node import Node
from acs.settings import load_settings
from acs.simulator import Fleet, Vendor
from tests.waiting import until

__all__ = ["NOWHERE", "provisioned", "running_fleet", "running_node"]

NOWHERE = "https://127.0.0.1:9/"
"""Where nobody listens: the port of a service that no system has any more (RFC 863)."""


@asynccontextmanager
async def running_node(
    data: Path, vendor: Vendor, *, clock: Callable[[], float] = time, policy_text: str = "", **values: Any
) -> AsyncIterator[Node]:
    """Run a node that trusts ``vendor``, calls who is on the loopback, and stops at once.

    ``policy_text``: YAML, the default policy where it is empty; ``values``: settings.
    """
    facts: dict[str, Any] = {
        "data": data,
        "host": "127.0.0.1",
        "port": 0,
        "management_port": 0,
        "device_ca": [vendor.ca_path],
        "connection_request_networks": ["127.0.0.0/8"],
        "drain_timeout": 0.2,
        **values,
    }
    if policy_text:
        facts["policy"] = data.with_suffix(".yaml")
        facts["policy"].write_text(policy_text, encoding="utf-8")
    node = Node(load_settings(None, facts, {}), clock=clock)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@asynccontextmanager
async def running_fleet(
    node: Node, vendor: Vendor, *, path: str = "/acs", **options: Any
) -> AsyncIterator[Fleet]:
    """Run a fleet of ``vendor`` that comes to ``node``; none of its devices is switched on."""
    ca = node.settings.data / "pki/server/ca.pem"
    fleet = Fleet(vendor, f"{node.url}{path}", server_ca=ca, **options)
    await fleet.start()
    try:
        yield fleet
    finally:
        await fleet.stop()


async def provisioned(node: Node, device_key: str, version: str = "") -> dev.Device:
    """Wait until the node has provisioned a device, with ``version`` where that matters; return it."""

    async def there() -> dev.Device | None:
        found = await node.store.read(dev.find, device_key)
        return found if found and found.provisioned_for and version in ("", found.provisioned_for) else None

    return await until(there)
