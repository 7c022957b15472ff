"""Devices of the simulator report to a real node, over TLS, as a profile that the node set up says."""

from __future__ import annotations

import pytest

from acs import bulkdata as bd
from acs import devices as dev
from acs.files import PM_FILE, FileUrls
from acs.security import Secrets
from acs.simulator import OUI, Fleet
from tests.waiting import until

UP = "Device.DeviceInfo.UpTime"


@pytest.mark.parametrize("credentials", ["certificate", "password"])
async def test_a_device_reports_at_its_interval(node, fleet, credentials):
    key = f"{OUI}-R1"

    def prepare(conn):
        """Register the device; the profile waits for it."""
        device = dev.register(conn, OUI, "R1", now=0.0)
        wanted = bd.ProfileSettings("live", ("Device.DeviceInfo.",), f"{node.url}/bulk/live", key, interval=1)
        bd.configure(conn, device.id, wanted, now=node.store.clock())
        return device.id

    def reports(conn, device_id):
        return [point.at for point in bd.points(conn, device_id, UP, last=100, source="live")]

    device_id = await node.store.write(prepare)
    device = fleet.add("R1")
    fleet.power_on(["R1"])
    await until(lambda: (device.henb.tree.get("Device.BulkData.Profile.1.HTTP.Password") or ("",))[0])
    if credentials == "password":  # it forgets its certificate, and has what it was given
        device.access = Fleet._access(fleet, "R1", "unused")

    async def three():
        return len(await node.store.read(reports, device_id)) >= 3

    await until(three)
    assert not fleet.failures()
    found = await node.store.read(reports, device_id)
    assert found == sorted(set(found), reverse=True)
    profiles = await node.store.read(bd.list_profiles, device_id)
    assert [each.state for each in profiles] == ["active"]


async def test_a_device_uploads_pm_files_that_become_metrics(node, fleet):
    now = node.store.clock()

    def prepare(conn):
        device = dev.register(conn, OUI, "R1", now=0.0)
        key = Secrets.load_or_create(node.settings.data).file_url_key
        urls = FileUrls(key, lambda: node.url, lifetime=3600)
        url = urls.upload_url(device.id, PM_FILE, "", now, standing=True)
        bd.configure(conn, device.id, bd.PmUpload(url, interval=1), now=now)
        return device.id

    def measured(conn, device_id):
        name = "ENBFunction=1,EUtranCell=1/RRC.AttConnEstab"
        return list(bd.points(conn, device_id, name, last=100, source="pm:RRC"))

    device_id = await node.store.write(prepare)
    fleet.add("R1")
    fleet.power_on(["R1"])

    async def two():
        points = await node.store.read(measured, device_id)
        return points if len(points) >= 2 else None

    found = await until(two)
    assert not fleet.failures()
    assert [point.period for point in found] == [1.0] * len(found)
