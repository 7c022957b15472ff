"""``acs emergency``, and what else is told of roles and fail-safe credentials."""

from __future__ import annotations

import pytest

from acs.simulator import Vendor
from tests.cli.conftest import kept
from tests.remediation.emergencies import loaded_world

KEY = "0005B9-0005B9423901"


@pytest.fixture
def waiting(tmp_path):
    """The store of an emergency management system: a HeNB has loaded software and is to register with it."""
    return kept(loaded_world(), tmp_path / "emergency-data")


@pytest.mark.row("S1 L82.5")
def test_open_cases_are_listed_until_the_registration_is_told(acs, waiting):
    (found,) = acs("emergency", "list", "--data", waiting, "--json").json
    assert (found["device"], found["software"]) == (KEY, "failsafe-1.0")
    assert (found["state"], found["waits"]) == ("active", "wait for registration")
    shown = acs("cases", "show", found["case"], "--data", waiting).text
    assert "Download" in shown
    assert "wait for registration" in shown
    told = acs("emergency", "registered", KEY, "2.0.0", "--because", "the NMS says so", "--data", waiting)
    assert "HANDED_OVER" in told.text
    assert acs("emergency", "list", "--data", waiting, "--json").json == []
    again = acs("emergency", "registered", KEY, "2.0.0", "--because", "the NMS says so", "--data", waiting)
    assert (again.code, "no emergency case" in again.text) == (2, True)
    assert "registered elsewhere" in acs("audit", "list", "--data", waiting).out


@pytest.mark.row("S1 L82.5")
def test_software_that_was_loaded_elsewhere_is_expected(acs, data):
    told = acs("emergency", "loaded", "0005B9-never", "2.0.0", "--because", "notified", "--data", data)
    assert (told.code, "may come with software 2.0.0" in told.text) == (0, True)
    assert "software expected" in acs("audit", "list", "--data", data).out


@pytest.mark.row("S1 L82.3")
def test_a_ca_of_fail_safe_images_is_trusted_as_such(acs, data, tmp_path):
    ca = Vendor(tmp_path / "vendor").fail_safe_ca_path
    told = acs("trust", "add", ca, "--oui", "0005b9", "--fail-safe", "--data", data)
    assert "for fail-safe images of OUI 0005B9" in told.text
    assert "fail-safe images of OUI 0005B9" in acs("trust", "list", "--data", data).text


def test_a_role_that_is_none_is_refused(acs, data):
    refused = acs("serve", "--role", "central", "--data", data)
    assert refused.code == 2
    assert "$.roles[0]`; it is one of initial, serving, emergency" in refused.text
