"""Making the stand-ins of a network known to a HeMS, as an operator does it."""

from __future__ import annotations

import time

from acs import measures as ms
from acs.security import Sealer
from acs.simulator.operator_network import SYSTEMS, OperatorNetwork
from acs.store import Store


async def make_known(store: Store, network: OperatorNetwork, sealer: Sealer) -> dict[str, int]:
    """Add each stand-in as a system, and give it the secret that comes of that; return their numbers."""
    numbers = {}
    for name, system in SYSTEMS.items():
        target, secret = await store.write(
            ms.add_target,
            name,
            system,
            network.url(name),
            sealer=sealer,
            who="test",
            bearer=network.credentials[name].bearer,
            client=network.client_path.read_bytes(),
            ca=network.ca_path.read_text(),
            now=time.time(),
        )
        (network.directory / f"{name}.secret").write_text(secret)
        numbers[name] = target.id
    return numbers
