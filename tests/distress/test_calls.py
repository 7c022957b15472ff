"""Connection requests in vain are followed by triggers (S1 L62)."""

from __future__ import annotations

from acs import devices as dev
from acs import distress as ds

NOW = 1_800_000_000.0
TEMPLATE = ds.parse_template(["IPsec2 UDP 192.0.2.1:7550", "Internet UDP 192.0.2.2:7550"])


async def test_every_third_is_over_one_path_after_the_other(store):
    def act(conn):
        device = dev.register(conn, "0005B9", "A1", now=NOW)

        def call(attempts):
            return ds.call_in_vain(conn, device.id, attempts, TEMPLATE, hourly=3, now=NOW)

        assert [number for number in range(20) if call(number)] == [3, 6, 9]  # then the hour's are used up
        kinds = [each.kind for each in ds.due_triggers(conn, now=NOW, limit=9)]
        assert kinds == ["IPsec2", "Internet", "IPsec2"]

    await store.write(act)


async def test_none_where_there_is_no_path_or_the_device_is_blocked(store):
    def act(conn):
        device = dev.register(conn, "0005B9", "A1", now=NOW)
        assert not ds.call_in_vain(conn, device.id, 3, (), hourly=12, now=NOW)
        dev.block(conn, device.id, "stolen", who="anna", now=NOW)
        assert not ds.call_in_vain(conn, device.id, 3, TEMPLATE, hourly=12, now=NOW)

    await store.write(act)
