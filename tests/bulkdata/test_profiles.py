"""Profiles: how the ACS makes a device report, and what it reports then, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from acs import bulkdata as bd
from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.simulator import Fault
from tests.world import SERIAL, World

STATS = "Device.Services.FAPService.1.CellConfig.LTE.RAN.RRC.Stats."
UP = "Device.DeviceInfo.UpTime"


def settings(name: str = "health", **options) -> bd.ProfileSettings:
    facts = {
        "references": (UP, STATS),
        "url": f"https://acs.example:7548/bulk/{name}",
        "username": "0005B9-A1",
        **options,
    }
    return bd.ProfileSettings(name, **facts)


def configure(world: World, wanted: bd.ProfileSettings | None = None) -> None:
    with world.conn.begin():
        bd.configure(world.conn, world.device.id, wanted or settings(), now=world.now)


def profile(world: World) -> bd.Profile:
    found = world.look(bd.list_profiles, world.device.id)
    assert len(found) == 1
    return found[0]


def series(world: World, name: str) -> list[bd.Point]:
    return world.look(lambda conn: list(bd.points(conn, world.device.id, name, last=1000)))[::-1]


@pytest.fixture
def world() -> World:
    made = World()
    made.boot()
    return made


@pytest.mark.parametrize(
    "form", ["ObjectHierarchy", "NameValuePair", "ParameterPerRow", "ParameterPerColumn"]
)
@pytest.mark.parametrize("compression", ["GZIP", "None"])
def test_a_device_is_set_up_and_reports_what_is_true(world: World, form: str, compression: str) -> None:
    configure(world, settings(report_format=form, compression=compression, interval=300))
    world.run(10)
    assert profile(world).state == "active"
    start = world.now
    world.run(3000)
    up = series(world, UP)
    assert len(up) == 10
    assert [later.at - one.at for one, later in pairwise(up)] == [300] * 9
    assert all(point.at - start <= point.value <= point.at - start + 30 for point in up)
    attempts = [point.value for point in series(world, f"{STATS}AttConnEstab")]
    good = [point.value for point in series(world, f"{STATS}SuccConnEstab")]
    bad = [point.value for point in series(world, f"{STATS}FailConnEstab")]
    assert attempts == sorted(attempts)
    assert 0 < attempts[0] < attempts[-1]
    assert [one + other for one, other in zip(good, bad, strict=True)] == attempts


@pytest.mark.parametrize("form", ["ParameterPerRow", "ParameterPerColumn"])
def test_separators_of_the_profile(world: World, form: str) -> None:
    configure(world, settings(report_format=form, interval=300, separators=("~~", "##", "'")))
    world.run(700)
    assert world.henb.tree.value("Device.BulkData.Profile.1.CSVEncoding.RowSeparator") == "##"
    assert len(series(world, UP)) == 2


def test_a_device_without_acknowledgements_repeats_and_nothing_is_lost_or_doubled() -> None:
    steps = iter(range(10**9))
    broken = {"on": False}
    world = World(lose=lambda where: broken["on"] and next(steps) % 3 != 2)
    world.boot()
    configure(world, settings(interval=300, retained=-1))
    world.run(10)
    broken["on"] = True
    world.run(6000)
    broken["on"] = False
    world.run(600)
    times = [point.at for point in series(world, UP)]
    assert len(times) == 22
    assert len(set(times)) == 22
    assert times[-1] - times[0] == 21 * 300


def test_failed_reports_beyond_what_may_be_retained_are_dropped(world: World) -> None:
    configure(world, settings(interval=300, retained=2))
    world.run(10)
    world.lose = lambda where: True
    world.run(3000)
    world.lose = lambda where: False
    world.run(301)
    # Two that failed, the one that was being tried again, and the next.
    times = [point.at for point in series(world, UP)]
    assert [later - one for one, later in pairwise(times)] == [300] * 3
    assert world.now - times[-1] < 300


def test_the_requests_and_their_order(world: World) -> None:
    configure(world)
    world.run(10)
    sent = world.look(cm.list_commands, device_id=world.device.id)
    mine = [each for each in reversed(sent) if each.purpose == "bulkdata"]
    assert [each.method for each in mine] == ["AddObject"] * 3 + ["SetParameterValues"]
    last = mine[-1].message
    assert isinstance(last, m.SetParameterValues)
    values = {each.name: each.value for each in last.parameters}
    assert values["Device.BulkData.Profile.1.HTTP.Password"] == m.BULK_DATA_PASSWORD  # no secret is stored
    assert values["Device.BulkData.Profile.1.Parameter.2.Reference"] == STATS
    assert list(values)[-2:] == ["Device.BulkData.Profile.1.Enable", "Device.BulkData.Enable"]
    # What the device was configured for otherwise is not forgotten.
    assert last.parameter_key == world.device.parameter_key


def test_a_profile_is_changed_and_removed(world: World) -> None:
    configure(world, settings(interval=300))
    world.run(10)
    configure(world, settings(references=(UP,), interval=60))
    world.run(5)
    tree = world.henb.tree
    assert tree.value("Device.BulkData.ProfileNumberOfEntries") == "1"
    assert tree.value("Device.BulkData.Profile.1.ReportingInterval") == "60"
    assert tree.value("Device.BulkData.Profile.1.Parameter.2.Reference") == ""
    world.run(600)
    assert len(series(world, UP)) >= 9
    with world.conn.begin():
        bd.remove(world.conn, world.device.id, "health", now=world.now)
    world.run(5)
    assert world.look(bd.list_profiles, world.device.id) == []
    assert tree.value("Device.BulkData.ProfileNumberOfEntries") == "0"
    count = len(series(world, UP))
    world.run(600)
    assert len(series(world, UP)) == count
    with pytest.raises(AcsError, match="no profile 'health'"), world.conn.begin():
        bd.remove(world.conn, world.device.id, "health", now=world.now)


def test_after_a_factory_reset_it_is_set_up_again(world: World) -> None:
    configure(world, settings(interval=300))
    world.run(1000)
    with world.conn.begin():
        cm.enqueue(
            world.conn, world.device.id, m.FactoryReset(), command_key="r", purpose="operator", now=world.now
        )
    world.run(200)
    assert profile(world).state == "active"
    before = len(series(world, UP))
    world.run(1000)
    assert len(series(world, UP)) >= before + 3


def test_a_device_that_refuses_is_told_of(world: World) -> None:
    world.henb.faults.append(Fault("SetParameterValues", 9007))
    configure(world)
    world.run(10)
    found = profile(world)
    assert (found.state, "fault 9007" in found.error) == ("failed", True)
    configure(world)
    world.run(10)
    assert profile(world).state == "active"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"},
        {"name": ""},
        {"references": ()},
        {"references": ("InternetGatewayDevice.",)},
        {"interval": 0},
        {"retained": -2},
        {"url": "ftp://x"},
        {"separators": (",", ",", '"')},
    ],
)
def test_settings_that_no_device_would_take(world: World, wrong: dict) -> None:
    with pytest.raises(AcsError):
        configure(world, settings(**wrong))


def test_a_device_has_so_many_profiles_and_no_more(world: World) -> None:
    for number in range(8):
        configure(world, settings(f"p{number}"))
    with pytest.raises(AcsError, match="8 profiles already"):
        configure(world, settings("p8"))


def test_a_device_that_was_never_there_is_set_up_when_it_comes() -> None:
    world = World()
    with world.conn.begin():
        device = dev.register(world.conn, "0005B9", SERIAL, now=world.now)
        bd.configure(world.conn, device.id, settings(interval=300), now=world.now)
        bd.configure(world.conn, device.id, settings(interval=60), now=world.now)
    world.boot()
    assert (profile(world).state, profile(world).instance) == ("active", 1)
    assert world.henb.tree.value("Device.BulkData.ProfileNumberOfEntries") == "1"
    world.run(100)
    assert len(series(world, UP)) == 1
