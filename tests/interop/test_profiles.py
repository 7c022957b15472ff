"""1.profiles, 1b.5, 1b.6: quirks are data with a test vector each, and nothing wrong is sent."""

from __future__ import annotations

import pytest

from acs import commands as cm
from acs.cwmp import messages as m
from acs.datamodel import Profiles, install_profiles, load_profiles
from acs.datamodel.examples import check_examples
from acs.datamodel.profiles import parse_profile
from acs.errors import AcsError
from tests.interop.steps import enqueue, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import body_of, inform

CELL = "Device.Services.FAPService.1."
ADMIN = f"{CELL}FAPControl.LTE.AdminState"
SHIPPED = load_profiles()


@pytest.fixture
def quirks():
    """Have profiles of the test's own installed."""

    def install(text: str) -> None:
        install_profiles(Profiles([parse_profile(text, "lab.yaml")]))

    yield install
    install_profiles(None)


@pytest.fixture
async def device(bench):
    async with bench.client() as http:
        return await provisioned(bench, http)


@pytest.mark.row("1.profiles")
@pytest.mark.parametrize("found", SHIPPED.all, ids=lambda found: found.profile.name)
def test_every_shipped_profile_has_vectors_and_they_hold(found):
    assert check_examples(found, SHIPPED) == []


@pytest.mark.row("1.profiles", "1b.5")
@pytest.mark.parametrize(
    ("text", "sent"),
    [("{}", ["1"]), ("{booleans: true/false}", ["true"])],
    ids=["standard", "true/false"],
)
async def test_a_boolean_is_written_as_the_device_reads_it(bench, device, quirks, text, sent):
    quirks(text[:-1] + (", " if len(text) > 2 else "") + "match: [{oui: '0005B9'}]}")
    values = (m.ParameterValue(ADMIN, "1", "xsd:boolean"),)
    await enqueue(bench, device, m.SetParameterValues(values, "k"))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        request = (await wire.post()).message
        assert [each.value for each in request.parameters] == sent


@pytest.mark.row("1.profiles")
@pytest.mark.parametrize(("sent", "problems"), [("0", 0), ("1", 1)])
def test_a_parameter_whose_sense_is_inverted_is_set_to_the_opposite(sent, problems):
    path = ADMIN.replace(".1.", ".{i}.")
    text = f"""
inverted: ["{path}"]
examples:
  - want: {{ cell.admin_state: "true" }}
    sent: [{{ {ADMIN}: "{sent}" }}]
"""
    profiles = Profiles([parse_profile(text, "lab.yaml")])
    assert len(check_examples(profiles.get("lab"), profiles)) == problems


@pytest.mark.row("1.profiles")
async def test_what_wants_to_be_set_alone_is_set_alone(bench, device, quirks):
    quirks(f"{{set_alone: ['{ADMIN.replace('.1.', '.{i}.')}'], match: [{{oui: '0005B9'}}]}}")
    pci = f"{CELL}CellConfig.LTE.RAN.RF.PhyCellID"
    values = (m.ParameterValue(pci, "7", "xsd:string"), m.ParameterValue(ADMIN, "1", "xsd:boolean"))
    await enqueue(bench, device, m.SetParameterValues(values, "k"))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        first = (await wire.post()).message
        second = (await wire.post(body_of(m.SetParameterValuesResponse(0)))).message
    assert [[each.name for each in request.parameters] for request in (first, second)] == [[pci], [ADMIN]]


@pytest.mark.row("1b.5")
async def test_the_root_is_not_asked_for_with_an_empty_path(bench, device):
    await enqueue(bench, device, m.GetParameterNames("", True))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        assert (await wire.post()).message.path != ""


@pytest.mark.row("1b.6")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Device.ManagementServer.PeriodicInformInterval", "abc", "PeriodicInformInterval"),
        ("Device.ManagementServer.PeriodicInformInterval", "0", "PeriodicInformInterval"),
        (f"{CELL}CellConfig.LTE.RAN.RF.DLBandwidth", "7", "DLBandwidth"),
        ("Device.DeviceInfo.SerialNumber", "x", "SerialNumber"),
    ],
)
async def test_a_value_that_the_model_forbids_is_never_sent(bench, device, name, value, words):
    request = m.SetParameterValues((m.ParameterValue(name, value),), "k")
    with pytest.raises(AcsError, match=words):
        await enqueue(bench, device, request)
    assert await bench.node.store.read(cm.open_commands, device.id) == []
