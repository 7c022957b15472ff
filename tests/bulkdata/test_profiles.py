"""Profiles: how the ACS makes a device report, and what it reports then, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection

from acs import bulkdata as bd
from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.datamodel import load_profiles
from acs.datamodel.profiles import install_profiles
from acs.errors import AcsError
from acs.housekeeping import Housekeeper
from acs.simulator import Fault
from acs.store import Store
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


async def settle(store: Store, device: dev.Device, answer: m.Message) -> m.Message:
    """Send a device the request that is queued for it; return that, once it has answered."""

    def act(conn: Connection) -> m.Message:
        found = cm.next_command(conn, device.id, epoch=1, now=2.0)
        assert found is not None
        settled = cm.settle(conn, found[0].id, answer, epoch=1, now=2.0)
        bd.profile_commands_settled(conn, settled, now=2.0)
        return found[1]

    return await store.write(act)


ISSUE_1 = "Device.Services.FAPService.1.PerfMgmt.FileMgmt."


@pytest.fixture
def issue_1(tmp_path: Path) -> Iterator[str]:
    """The OUI of devices that have TR-196 Issue 1, by a profile of their own."""
    (tmp_path / "profiles").mkdir()
    own = "name: old\nextends: tr-196-issue-1\nmatch: [{ oui: 00AABB }]\n"
    (tmp_path / "profiles" / "old.yaml").write_text(own)
    install_profiles(load_profiles(tmp_path))
    yield "00AABB"
    install_profiles(None)


async def test_pm_files_are_set_up_where_the_device_has_them(store: Store, issue_1: str) -> None:
    def tables(conn: Connection) -> list[str]:
        device = dev.register(conn, "0005B9", "A1", now=1.0)
        others = replace(device, root="InternetGatewayDevice."), replace(device, oui=issue_1)
        return [bd.pm_table(conn, each) for each in (device, *others)]

    assert await store.write(tables) == [
        "Device.FAP.PerfMgmt.Config.",
        "InternetGatewayDevice.FAP.PerfMgmt.Config.",
        ISSUE_1,
    ]


def test_one_that_was_a_row_before_is_switched_off_as_an_object() -> None:
    upload = bd.PmUpload("https://acs.example/uploads/x", 900, table=ISSUE_1)
    assert isinstance(upload.removal(5, ""), m.SetParameterValues)


async def test_an_object_that_is_there_already_is_set_and_switched_off(store: Store, issue_1: str) -> None:
    device = await store.write(dev.register, issue_1, "A1", now=1.0)
    upload = bd.PmUpload("https://acs.example/uploads/x", 900, table=ISSUE_1)

    async def state() -> list[str]:
        return [each.state for each in await store.read(bd.list_profiles, device.id)]

    await store.write(bd.configure, device.id, upload, now=1.0)
    sent = await settle(store, device, m.SetParameterValuesResponse(0))
    assert isinstance(sent, m.SetParameterValues)
    assert {each.name.removeprefix(ISSUE_1): each.value for each in sent.parameters} == {
        "URL": "https://acs.example/uploads/x",
        "PeriodicUploadInterval": "900",
        "PeriodicUploadEnable": "1",
    }
    assert await state() == ["active"]
    await store.write(bd.remove, device.id, "pm", now=3.0)
    assert await state() == ["removing"]
    sent = await settle(store, device, m.SetParameterValuesResponse(0))
    assert sent == m.SetParameterValues(
        (m.ParameterValue(f"{ISSUE_1}PeriodicUploadEnable", "0", "xsd:boolean"),), sent.parameter_key
    )
    assert await state() == []


async def test_what_the_device_has_lost_by_itself_is_removed(store: Store) -> None:
    device = await store.write(dev.register, "0005B9", "A1", now=1.0)
    await store.write(bd.configure, device.id, bd.PmUpload("https://acs.example/uploads/x"), now=1.0)
    await settle(store, device, m.AddObjectResponse(3, 0))
    await settle(store, device, m.SetParameterValuesResponse(0))
    await store.write(bd.remove, device.id, "pm", now=3.0)
    assert isinstance(await settle(store, device, m.Fault(9002, "internal")), m.DeleteObject)
    (found,) = await store.read(bd.list_profiles, device.id)
    assert found.state == "failed"
    await store.write(bd.remove, device.id, "pm", now=3.0)
    await settle(store, device, m.Fault(9005, "gone"))
    assert await store.read(bd.list_profiles, device.id) == []


async def test_a_profile_whose_device_never_comes_is_told_to_have_failed(store, clock):
    device = await store.write(dev.register, "0005B9", "1", now=clock.now)
    await store.write(bd.configure, device.id, settings(), now=clock.now)
    [waiting] = await store.read(cm.list_commands)
    clock.now = waiting.expires_at
    await Housekeeper(store, 86400.0).tidy()
    [found] = await store.read(bd.list_profiles, device.id)
    assert (found.state, "expired: the time allowed is over" in found.error) == ("failed", True)
