"""What the black list of the HeMS stops: at once, reversibly, with its reason (S1 L9)."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import distress as ds
from acs import files as fl
from acs.commands import enqueue
from acs.cwmp import messages as m
from acs.store import Store
from tests.conftest import Clock

PATH = ds.Path("Internet", "henb.example:7550")


@pytest.fixture
async def device(store: Store, clock: Clock) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=clock.now)


@pytest.mark.row("S1 L9")
@pytest.mark.parametrize("blocked", [False, True])
async def test_a_blocked_device_is_neither_called_nor_triggered_nor_bound_nor_given_room(
    store: Store, device: dev.Device, clock: Clock, blocked: bool
):
    now = clock.now

    def ask(conn) -> None:
        enqueue(conn, device.id, m.Reboot("k"), command_key="k", purpose="operator", now=now)
        ds.request_trigger(conn, device, PATH, case_id=None, hourly=5, now=now)

    await store.write(ask)
    if blocked:
        await store.write(dev.block, device.id, "stolen", who="ann@cli", now=now)
    called = await store.read(dev.due_connection_requests, now=now + 1, limit=5)
    triggered = await store.read(ds.due_triggers, now=now + 1, limit=5)
    bound = await store.write(dev.note_udp_binding, device.device_key, "192.0.2.7:1234", now=now)
    assert (len(called), len(triggered), bound) == ((0, 0, False) if blocked else (1, 1, True))
    grant = fl.UploadGrant(device.id, "2 Vendor Log File", "k", now + 600, key="u")
    limits = fl.UploadLimits(size=2**20, device_quota=2**24, total_quota=2**30)
    how = {"limits": limits, "declared": 1, "name": "", "media_type": "", "address": "192.0.2.1", "now": now}
    if blocked:
        with pytest.raises(fl.TransferRefused):
            await store.write(fl.claim_upload, grant, **how)
    else:
        assert await store.write(fl.claim_upload, grant, **how)


@pytest.mark.row("S1 L9")
async def test_the_block_has_its_reason_and_is_undone(store: Store, device: dev.Device, clock: Clock):
    await store.write(dev.block, device.id, "case opened at night", who="case 7", now=clock.now)
    found = await store.read(dev.get, device.id)
    assert (found.blocked, found.admission_reason) == (True, "case opened at night")
    await store.write(dev.unblock, device.id, "inspected", who="ann@cli", now=clock.now)
    found = await store.read(dev.get, device.id)
    assert (found.blocked, found.admission_reason) == (False, "inspected")
    entries = await store.read(dev.audit_entries)
    assert {("case 7", "device blocked"), ("ann@cli", "device allowed")} <= {
        (each["who"], each["action"]) for each in entries
    }
