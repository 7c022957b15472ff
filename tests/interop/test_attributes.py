"""1.attributes: notification attributes that a device loses with its reboot are set again."""

from __future__ import annotations

import pytest

from acs import alarms as al
from acs import devices as dev
from acs.cwmp import messages as m
from tests.interop.steps import provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

BASE = "Device.FaultMgmt."
WANTED = {f"{BASE}ExpeditedEvent.": 2, f"{BASE}QueuedEvent.": 1}


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
    await bench.node.store.write(dev.set_fault_management, device.id, BASE)
    return device


async def booted(wire):
    """Boot, answer the resynchronisation, and return the request that follows."""
    await wire.post(body_of(inform("A1", "1 BOOT")))
    assert (await wire.post()).message == m.GetParameterValues((f"{BASE}CurrentAlarm.",))
    return await wire.post(body_of(m.GetParameterValuesResponse(())))


@pytest.mark.row("1.attributes")
@pytest.mark.parametrize(
    ("told", "restored"),
    [
        ({f"{BASE}ExpeditedEvent.1.": 2, f"{BASE}QueuedEvent.1.": 1}, {}),
        ({f"{BASE}ExpeditedEvent.1.": 0, f"{BASE}QueuedEvent.1.": 1}, {f"{BASE}ExpeditedEvent.": 2}),
        ({f"{BASE}ExpeditedEvent.1.": 0, f"{BASE}QueuedEvent.1.": 0}, WANTED),
        ({}, WANTED),
    ],
    ids=["kept", "one lost", "all lost", "not told"],
)
async def test_what_a_reboot_lost_is_read_back_and_set_again(bench, device, told, restored):
    attributes = tuple(m.ParameterAttribute(f"{name}AlarmIdentifier", value) for name, value in told.items())
    async with connected(bench) as wire:
        asked = await booted(wire)
        assert asked.message == m.GetParameterAttributes(tuple(WANTED))
        answer = await wire.post(body_of(m.GetParameterAttributesResponse(attributes)))
        if restored:
            sent = {each.name: each.notification for each in answer.message.parameters}
            assert sent == restored
            answer = await wire.post(body_of(m.SetParameterAttributesResponse()))
        # What else is read after a boot is told in docs/detection.md; of attributes nothing more.
        assert answer.status == 204 or isinstance(answer.message, m.GetParameterValues)


@pytest.mark.row("1.attributes")
async def test_a_factory_reset_provisions_anew(bench, device):
    """Provisioning sets them whatever the device says (tests/remediation), so they are not read first."""
    async with connected(bench) as wire:
        await wire.post(body_of(inform("A1", "0 BOOTSTRAP", "1 BOOT")))
        await wire.post()
        asked = await wire.post(body_of(m.GetParameterValuesResponse(())))
        assert asked.message == m.GetParameterValues((f"{BASE}SupportedAlarm.",))


def test_the_request_restores_just_what_differs():
    told = [m.ParameterAttribute(f"{BASE}ExpeditedEvent.1.X", 2), m.ParameterAttribute("Device.Else", 0)]
    lost = al.lost_notifications(BASE, told)
    assert [each.name for each in lost.parameters] == [f"{BASE}QueuedEvent."]
