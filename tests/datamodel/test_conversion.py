"""Values the way a device reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.datamodel import STANDARD, Profile
from acs.datamodel.conversion import covers, from_device, set_batches, spelled, spelled_request, to_device

ADMIN = "Device.Services.FAPService.1.FAPControl.LTE.AdminState"
WORDS = Profile(name="words", booleans="true/false", fraction=True)


@pytest.mark.parametrize(
    ("profile", "kind", "text", "sent"),
    [
        (STANDARD, "xsd:boolean", "true", "1"),
        (STANDARD, "xsd:boolean", " FALSE ", "0"),
        (WORDS, "xsd:boolean", "1", "true"),
        (WORDS, "soap:boolean", "0", "false"),
        (WORDS, "xsd:boolean", "maybe", "maybe"),
        (WORDS, "xsd:string", "1", "1"),
        (STANDARD, "xsd:dateTime", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z"),
        (STANDARD, "xsd:dateTime", "2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
        (WORDS, "xsd:dateTime", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        (WORDS, "xsd:dateTime", "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.5Z"),
        (WORDS, "xsd:dateTime", "yesterday", "yesterday"),
    ],
)
def test_a_value_is_spelled_as_the_profile_says(profile, kind, text, sent):
    value = m.ParameterValue("Device.X", text, kind)
    assert spelled(profile, value) == m.ParameterValue("Device.X", sent, kind)
    request = m.SetParameterValues((value,), "k")
    assert spelled_request(profile, request).parameters[0].value == sent


def test_requests_without_values_stay_as_they_are():
    request = m.Reboot("k")
    assert spelled_request(WORDS, request) is request


@pytest.mark.parametrize("root", ["Device.", "InternetGatewayDevice."])
def test_a_parameter_that_means_the_opposite_is_turned_both_ways(root):
    profile = Profile(name="x", inverted=("Device.Services.FAPService.{i}.FAPControl.LTE.AdminState",))
    value = m.ParameterValue(ADMIN.replace("Device.", root, 1), "true", "xsd:boolean")
    assert to_device(profile, value).value == "0"
    assert from_device(profile, to_device(profile, value)).value == "1"
    assert to_device(profile, m.ParameterValue("Device.X", "true", "xsd:boolean")).value == "true"


def test_an_object_covers_what_is_below_it():
    assert covers(["Device.A.{i}."], "Device.A.3.B.C")
    assert covers(["Device.A.1.B"], "Device.A.3.B")
    assert not covers(["Device.A.{i}.B"], "Device.A.3.BC")


@given(st.lists(st.sampled_from(["a", "b", "AdminState"]), max_size=30), st.integers(1, 5))
def test_batches_keep_order_and_bound_and_leave_alone_what_wants_to_be(names, most):
    profile = Profile(name="x", set_batch=most, set_alone=("AdminState",))
    values = [m.ParameterValue(name, str(number)) for number, name in enumerate(names)]
    batches = set_batches(profile, values)
    assert [each for batch in batches for each in batch] == values
    assert all(1 <= len(batch) <= most for batch in batches)
    assert all(len(batch) == 1 for batch in batches if any(each.name == "AdminState" for each in batch))
