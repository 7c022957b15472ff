"""What a profile says of values holds for every SetParameterValues, whoever wanted it."""

import pytest

from acs import commands as cm
from acs.cwmp import messages as m
from acs.datamodel import Profiles, install_profiles
from acs.datamodel.profiles import parse_profile
from tests.world import World


@pytest.fixture
def words():
    """Devices of the test's ProductClass read ``true`` and ``false``."""
    text = "{booleans: true/false, match: [{product_class: HeNB-LTE}]}"
    install_profiles(Profiles([parse_profile(text, "words.yaml")]))
    yield
    install_profiles(None)


@pytest.mark.usefixtures("words")
def test_a_device_is_sent_the_booleans_that_it_reads():
    world = World()
    world.boot()
    name = "Device.Services.FAPService.1.REM.LTE.ScanOnBoot"
    request = m.SetParameterValues((m.ParameterValue(name, "0", "xsd:boolean"),), "key")
    with world.conn.begin():
        cm.enqueue(world.conn, world.device.id, request, command_key="key", purpose="operator", now=world.now)
    world.run(5)
    assert world.henb.tree.value(name) == "false"
    assert world.henb.tree.value("Device.Services.FAPService.1.FAPControl.LTE.AdminState") == "true"
