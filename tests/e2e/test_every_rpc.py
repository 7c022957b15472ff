"""Every RPC of a CPE over real sockets: a real node, a device with its certificate, the file server."""

from __future__ import annotations

import base64
from time import time

import pytest

from acs import commands as cm
from acs import devices as dev
from acs import files as fl
from acs.cwmp import messages as m
from acs.simulator import OUI, PRODUCT_CLASS, build_image
from tests.nodes import provisioned
from tests.releasing import release
from tests.waiting import until

NTP = "Device.Time.NTPServer1"
PLMN = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList."
UNIT = "6f8a1f66-2b9e-5d10-8a3e-0123456789ab"
LOG = "4 Vendor Log File 1"
IMAGE = "1 Firmware Upgrade Image"


async def settled(node, number: int) -> cm.Command:
    async def ended():
        found = await node.store.read(cm.find_command, number)
        return found if found.state not in ("queued", "sent", "accepted") else None

    return await until(ended)


@pytest.mark.parametrize("version", [0, 2, 4])
async def test_an_operator_can_have_every_rpc_done(node, fleet, tmp_path, version):
    path = tmp_path / "image"
    path.write_bytes(build_image("2.0.0", PRODUCT_CLASS, fleet.vendor.image_key, size=1000))
    await release(node, fleet.vendor, path)
    henb = fleet.add("A1").henb
    henb.cwmp_version = version
    fleet.power_on()
    device = await provisioned(node, dev.device_key(OUI, "A1"))

    async def done(request, key: str = "") -> cm.Command:
        key = key or f"t{time():.6f}"
        made = await node.store.write(
            cm.enqueue, device.id, request, command_key=key, purpose="operator", now=time()
        )
        return await settled(node, made.id)

    async def works(request, key: str = "") -> m.Message:
        command = await done(request, key)
        assert command.state == "succeeded", (request, command)
        return command.answer

    def url(key: str) -> str:
        return node.env.upload_url(device.id, LOG, key, time())

    methods = (await works(m.GetRPCMethods())).methods
    assert ("ChangeDUState" in methods) == (version >= 2)
    everything = (await works(m.GetParameterValues(("Device.",)))).parameters
    assert len(everything) > 1000
    names = tuple(each.name for each in everything)[:300]
    assert {each.name for each in (await works(m.GetParameterValues(names))).parameters} == set(names)
    assert (await works(m.GetParameterNames("Device.Time.", next_level=True))).parameters
    await works(m.SetParameterValues((m.ParameterValue(NTP, "ntp.example"),), "p"))
    await works(m.SetParameterAttributes((m.SetParameterAttribute(NTP, 1, ()),)))
    assert (await works(m.GetParameterAttributes((NTP,)))).parameters == (m.ParameterAttribute(NTP, 1),)
    number = (await works(m.AddObject(PLMN, "p"))).instance_number
    await works(m.DeleteObject(f"{PLMN}{number}.", "p"))
    await works(m.SetVouchers((base64.b64encode(b"LIPA").decode(),)))
    assert [each.option_name for each in (await works(m.GetOptions())).options] == ["LIPA"]
    assert (await works(m.UnknownMethod("urn:v", "X_0005B9_Echo", (("A", "1"),)))).arguments == (("A", "1"),)
    await works(m.Upload("up", LOG, url("up")), "up")
    [log] = await node.store.read(fl.list_uploads)
    assert (log.device_id, log.command_key, log.size > 0) == (device.id, "up", True)
    assert (await works(m.GetQueuedTransfers())).transfers == ()
    await works(m.ScheduleInform(1, "soon"))
    await works(m.Reboot("r"), "r")
    await works(m.Download("d", IMAGE, node.env.file_url(device.id, "image", time())), "d")
    assert henb.banks.running == "2.0.0"
    window = m.TimeWindow(0, 60, "2 Immediately")
    link = node.env.file_url(device.id, "image", time())
    newer = (
        (m.ChangeDUState("du", (m.InstallOperation("https://h/unit-1.0.tar", UNIT),)), "du"),
        (m.CancelTransfer("nothing"), "cancel"),
        (m.ScheduleDownload("s", IMAGE, link, time_windows=(window,)), "s"),
    )
    for request, key in newer:
        command = await done(request, key)
        assert (command.state, command.fault_code) == (
            ("succeeded", None) if version >= 2 else ("failed", 9000)
        ), command
    if version >= 1:
        assert (await works(m.GetAllQueuedTransfers())).transfers == ()
    await works(m.FactoryReset(), "f")
    keys = [(each.method, each.command_key) for each in henb.executed if each.command_key]
    assert len(keys) == len(set(keys))
