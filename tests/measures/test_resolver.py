"""Where the names of systems may lead."""

from __future__ import annotations

import socket

import pytest

from acs.enforcement import GuardedResolver
from acs.southbound import Guard


async def found(*networks: str, host: str = "localhost"):
    guard = Guard(networks, setting="measure_networks")
    try:
        return await GuardedResolver(guard).resolve(host, 8443)
    finally:
        guard.close()


async def test_a_name_leads_to_allowed_addresses_and_is_not_asked_again():
    rows = await found("127.0.0.0/8")
    assert [(each["host"], each["port"], each["family"]) for each in rows] == [
        ("127.0.0.1", 8443, socket.AF_INET)
    ]
    assert all(each["flags"] & socket.AI_NUMERICHOST for each in rows)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_a_name_or_address_that_leads_inside_is_refused(host):
    with pytest.raises(OSError, match="may not be called; see the setting measure_networks"):
        await found(host=host)
