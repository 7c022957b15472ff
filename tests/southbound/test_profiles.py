"""What a profile says of values holds for every SetParameterValues, whoever wanted it."""

import pytest
from sqlalchemy import select

from acs import commands as cm
from acs.cwmp import messages as m
from acs.datamodel import Profiles, install_profiles
from acs.datamodel.profiles import parse_profile
from acs.store.tables import audit
from tests.southbound.conftest import inform
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


def test_events_that_nobody_knows_are_recorded_unless_the_profile_tolerates_them():
    def recorded(profile: str) -> list[str]:
        install_profiles(Profiles([parse_profile(profile, "own.yaml")]))
        try:
            world = World()
            world.henb.events = [m.Event("99 STRANGE"), m.Event("X 0005B9 OWN")]
            world.boot()
        finally:
            install_profiles(None)
        query = select(audit.c.detail).where(audit.c.action == "unknown event")
        return world.look(lambda conn: conn.execute(query).scalars().all())

    assert recorded("{match: [{product_class: Other}]}") == ["99 STRANGE"]
    assert recorded("{match: [{product_class: HeNB-LTE}], tolerated_events: ['99 ']}") == []


async def test_the_declaration_and_the_cookie_are_as_the_profile_says(bench):
    text = "{match: [{manufacturer: '*'}], xml_declaration: true, cookie_attributes: [Secure]}"
    async with bench.client() as http:
        usual = await bench.post(http, inform())
        install_profiles(Profiles([parse_profile(text, "own.yaml")]))
        try:
            odd = await bench.post(http, inform())
        finally:
            install_profiles(None)
    assert "; Path=/; Secure; HttpOnly" in usual.headers["Set-Cookie"]
    assert "Path" not in odd.headers["Set-Cookie"]
    assert odd.body.startswith(b"<?xml")
