"""Discovery of a simulated HeNB: over sessions that break off, and again when its software changes."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select

from acs import commands as cm
from acs.cwmp import messages as m
from acs.datamodel import pattern_of
from acs.errors import AcsError
from acs.settings import Settings
from acs.store.tables import commands, discovered
from tests.world import World


def begin(world: World, **how: object) -> None:
    with world.conn.begin():
        cm.discover(world.conn, world.device, now=world.now, **how)  # type: ignore[arg-type]


def state(world: World) -> cm.Discovery:
    found = world.look(cm.discovery_of, world.device.id)
    assert found is not None
    return found


def tree(world: World, prefix: str = "") -> dict[str, bool]:
    found: dict[str, bool] = world.look(cm.discovered_tree, world.device.id, prefix)
    return found


@pytest.fixture
def world() -> World:
    made = World()
    made.boot()
    return made


def test_all_that_the_device_has_is_found_in_the_next_session(world: World) -> None:
    begin(world)
    calls = world.sessions
    world.run(30)
    assert world.sessions == calls, "it is not called for that"
    world.run(4000)
    found = tree(world)
    assert (state(world).state, state(world).failed) == ("done", {})
    assert set(world.henb.tree.below("Device.")) <= set(found)
    assert found["Device.Services.FAPService.1.FAPControl.LTE.AdminState"]
    assert not found["Device.DeviceInfo.UpTime"]
    assert state(world).entries == len(found)
    kept = world.look(
        lambda conn: conn.execute(select(commands.c.result).where(commands.c.purpose == "discovery"))
    )
    assert set(kept.scalars()) == {None}


@pytest.mark.parametrize("how", ["expired", "withdrawn"])
def test_a_discovery_whose_command_is_given_up_is_over(world: World, how: str) -> None:
    begin(world)
    with world.conn.begin():
        if how == "expired":
            cm.expire_overdue(world.conn, now=world.now + 8 * 86400, limit=10)
        else:
            (command,) = cm.list_commands(world.conn, device_id=world.device.id, limit=1)
            cm.cancel(world.conn, command.id, now=world.now)
    found = state(world)
    assert found.state == "partial"
    assert "expired or was withdrawn" in found.failed["Device."]
    begin(world)
    assert (state(world).state, state(world).failed) == ("running", {})


def test_a_discovery_goes_on_after_sessions_that_broke_off() -> None:
    turns = itertools.count()
    world = World(lose=lambda where: losing and next(turns) % 7 == 3)
    losing = False
    world.boot()
    begin(world, call=True)
    losing = True
    world.run(20_000)
    losing = False
    world.run(8000)
    assert state(world).state in ("done", "partial")
    assert len(tree(world)) > 2000


def test_one_object_is_discovered_alone_and_what_is_gone_is_forgotten(world: World) -> None:
    begin(world, path="Device.Time.", call=True)
    world.run(100)
    assert {path.split(".")[1] for path in tree(world)} == {"Time"}
    with world.conn.begin():
        row = {"device_id": world.device.id, "writable": True, "generation": 0, "seen_at": 1.0}
        world.conn.execute(
            discovered.insert(),
            [{**row, "path": "Device.Time.Gone"}, {**row, "path": "Device.Other.Kept"}],
        )
    begin(world, path="Device.Time.", call=True)
    world.run(100)
    assert "Device.Time.Gone" not in tree(world)
    assert "Device.Other.Kept" in tree(world)
    assert state(world).generation == 2


def test_what_could_not_be_read_again_is_kept_and_marked(world: World) -> None:
    begin(world, path="Device.Nothing.", call=True)
    with world.conn.begin():
        row = {"device_id": world.device.id, "writable": True, "generation": 0, "seen_at": 1.0}
        world.conn.execute(discovered.insert(), [{**row, "path": "Device.Nothing.Kept"}])
    world.run(100)
    assert state(world).state == "partial"
    assert state(world).failed["Device.Nothing."].startswith("fault 9005")
    assert "Device.Nothing.Kept" in tree(world)


@pytest.mark.parametrize(("how", "renewed"), [("known", True), ("new", True), ("off", False)])
def test_it_is_renewed_when_the_software_changes(how: str, renewed: bool) -> None:
    world = World()
    world.settings = Settings(discovery=how)  # type: ignore[arg-type]
    world.boot()
    if how != "new":
        begin(world, call=True)
    world.run(100)
    world.henb.banks.install("1.0.1")
    world.henb.power_on(world.now, first=False)
    world.run(4000)  # long enough for the unexpected software to be replaced, which renews it once more
    assert (state(world).generation > 1) == renewed


def test_a_device_that_was_never_discovered_is_left_alone(world: World) -> None:
    world.run(4000)
    assert world.look(cm.discovery_of, world.device.id) is None


def test_a_path_that_is_no_object_of_the_device_is_refused(world: World) -> None:
    for path in ("Device.Time.Enable", "InternetGatewayDevice."):
        with pytest.raises(AcsError, match="is no object of this device"):
            begin(world, path=path)


def test_an_answer_to_an_old_question_changes_nothing(world: World) -> None:
    begin(world)
    (old,) = [each for each in world.look(cm.open_commands, world.device.id) if each.purpose == cm.DISCOVERY]
    begin(world)
    with world.conn.begin():
        answer = m.GetParameterNamesResponse((m.ParameterInfo("Device.X.", True),))
        cm.settle(world.conn, old.id, answer, epoch=1, now=world.now)
        cm.discovery_settled(world.conn, world.device, [old], now=world.now)
    assert tree(world) == {}
    assert pattern_of("Device.X.1.") == "Device.X.{i}."
