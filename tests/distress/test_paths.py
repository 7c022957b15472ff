"""The distress channels of devices as rows, and as a template."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import distress as ds
from acs.errors import AcsError

NOW = 1_800_000_000.0
TEMPLATE = ds.parse_template(
    ["IPsec2 UDP {serial}.ipsec2.example:7550", "AirInterface XMPP {oui}-{serial}@xmpp.example"]
)


def make(conn, serial: str = "A1") -> dev.Device:
    return dev.register(conn, "0005B9", serial, now=NOW)


@pytest.mark.row("S1 L54.1")
async def test_a_device_has_those_of_the_template_until_it_has_its_own(store):
    def act(conn):
        device = make(conn)
        assert [each.address for each in ds.paths_of(conn, device, TEMPLATE)] == [
            "A1.ipsec2.example:7550",
            "0005b9-A1@xmpp.example",
        ]
        for kind in ("Internet", "IPsec2"):
            ds.add_path(conn, device, ds.Path(kind, "192.0.2.1:7550"), who="anna", now=NOW)
        assert [each.kind for each in ds.paths_of(conn, device, TEMPLATE)] == ["Internet", "IPsec2"]
        ds.remove_path(conn, device, 1, who="anna", now=NOW)
        assert [each.kind for each in ds.paths_of(conn, device, TEMPLATE)] == ["IPsec2"]
        with pytest.raises(AcsError, match="has no distress path 1"):
            ds.remove_path(conn, device, 1, who="anna", now=NOW)
        path = ds.Path("Internet", "192.0.2.1:7550")
        for _ in range(7):
            ds.add_path(conn, device, path, who="anna", now=NOW)
        with pytest.raises(AcsError, match="has 8 distress paths, which is the most"):
            ds.add_path(conn, device, path, who="anna", now=NOW)

    await store.write(act)


async def test_a_serial_number_that_makes_no_address_is_left_out(store):
    def act(conn):
        assert ds.paths_of(conn, make(conn, "a b/c"), TEMPLATE) == []

    await store.write(act)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Internet 192.0.2.1:7550", "KIND METHOD ADDRESS"),
        ("Carrier UDP 192.0.2.1:7550", "'Carrier' is unknown"),
        ("Internet SMS 192.0.2.1:7550", "'SMS' is unknown"),
        ("Internet UDP 192.0.2.1", "needs host:port"),
        ("Internet UDP 192.0.2.1:99999", "needs host:port"),
        ("Internet XMPP 192.0.2.1:1", "needs a Jabber ID"),
    ],
)
def test_a_path_that_cant_be_used_is_refused_with_its_place(line, text):
    with pytest.raises(AcsError, match=f"the setting distress_paths: .*{text}"):
        ds.parse_template([line])


async def test_triggers_are_limited_sent_once_and_forgotten(store):
    path = ds.Path("Internet", "192.0.2.1:7550")

    def act(conn):
        device = make(conn)
        first = ds.request_trigger(conn, device, path, case_id=None, hourly=1, now=NOW)
        assert ds.request_trigger(conn, device, path, case_id=None, hourly=1, now=NOW + 3599) is None
        assert ds.request_trigger(conn, device, path, case_id=None, hourly=1, now=NOW + 3600)
        (due,) = ds.due_triggers(conn, now=NOW + 3601, limit=9)  # the first is too old to be of use
        ds.trigger_sent(conn, due.id, "sent", now=NOW + 3601)
        assert ds.due_triggers(conn, now=NOW + 3601, limit=9) == []
        assert first != due.id
        assert ds.prune_triggers(conn, before=NOW + 9999, limit=9) == 2

    await store.write(act)
