"""1.discovery, 1.faults: what odd devices answer when they are asked what they have."""

from __future__ import annotations

import pytest

from acs import commands as cm
from acs.cwmp import messages as m
from tests.interop.steps import provisioned
from tests.southbound.conftest import inform


async def discovered(bench, http, answer) -> tuple[cm.Discovery, dict[str, bool], list[m.GetParameterNames]]:
    """Discover the device of the bench, which answers what ``answer`` makes of each request."""
    device = await provisioned(bench, http)
    await bench.node.store.write(cm.discover, device, now=bench.clock[0])
    opened = await bench.post(http, inform())
    reply = await bench.post(http, b"", cookie=opened.cookie)
    asked: list[m.GetParameterNames] = []
    while reply.status == 200 and len(asked) < 100:
        asked.append(reply.message)
        reply = await bench.post(http, answer(reply.message), cookie=opened.cookie)
    state = await bench.node.store.read(cm.discovery_of, device.id)
    return state, await bench.node.store.read(cm.discovered_tree, device.id), asked


def names(*paths: str) -> m.GetParameterNamesResponse:
    return m.GetParameterNamesResponse(tuple(m.ParameterInfo(path, False) for path in paths))


@pytest.mark.row("1.faults")
async def test_a_root_that_is_not_answered_is_guessed_from_the_model(bench):
    def answer(request):
        if request.path == "Device.Time.":
            return names("Device.Time.Enable", "Device.Time.")
        return m.Fault(9005, "Invalid Parameter Name")

    async with bench.client() as http:
        state, tree, asked = await discovered(bench, http, answer)
    assert tree == {"Device.Time.Enable": False}
    assert (state.state, asked[0].path) == ("partial", "Device.")
    assert all(each.path for each in asked), "never an empty ParameterPath"
    assert state.failed["Device.DeviceInfo."] == "fault 9005: Invalid Parameter Name"


@pytest.mark.row("1.discovery")
@pytest.mark.filterwarnings("ignore:Sending a large body")  # of the test's own client
async def test_ten_thousand_unsorted_names_without_parents_are_kept(bench):
    rows = [f"Device.Hosts.Host.{row}.Name{name}" for row in range(1000, 0, -1) for name in range(10)]

    def answer(request):
        return (
            names("Device.", "Device.Hosts.") if request.path == "Device." else names("Device.Hosts.", *rows)
        )

    async with bench.client() as http:
        state, tree, _ = await discovered(bench, http, answer)
    assert (state.state, state.failed) == ("done", {})
    assert set(rows) < set(tree)
    assert not tree["Device.Hosts.Host.77."]
    assert state.entries == len(tree)


@pytest.mark.row("1.discovery")
async def test_what_did_not_come_is_marked_and_the_session_goes_on(bench):
    def answer(request):
        if request.path == "Device.":
            return names("Device.A.", "Device.B.", "Device.C.")
        return {"Device.A.": names("Device.A.X"), "Device.B.": names()}.get(
            request.path, m.Fault(9002, "Internal error")
        )

    async with bench.client() as http:
        state, tree, asked = await discovered(bench, http, answer)
    assert "Device.A.X" in tree
    assert state.failed == {
        "Device.B.": "the device told nothing of it",
        "Device.C.": "fault 9002: Internal error",
    }
    assert [each.next_level for each in asked if each.path == "Device.C."] == [False, True]
