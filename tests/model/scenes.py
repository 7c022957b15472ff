"""Scenes of clause 5.7 for a HeMS and HeNBs under virtual time, to be broken off anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acs import devices as dev
from acs import remediation as rm
from tests.model.kills import Phase
from tests.model.story import Watched

EVERYTHING = {"standard", "trigger", "IPsec2", "Internet", "AirInterface"}
PLAYBOOKS = {
    "restart": """
from acs.playbook import Case, Result

async def restart(case: Case):
    name = "Device.DeviceInfo.SoftwareVersion"
    done, _ = await case.parallel(
        case.reboot(because="a branch"), case.get_values([name], because="another branch")
    )
    return Result("RESTARTED" if done.ok else "STOOD", "the branches ended")
""",
    "all": """
from acs.playbook import Case, Result

async def all(case: Case):
    found = await case.devices_of("stadium")
    outcomes = await case.group(found, "restart", because="all of them", at_once=1)
    return Result("DONE", ", ".join(f"{key[-1]}={word}" for key, word in outcomes.items()))
""",
}


def _tamper(name: str, until: str = "") -> Callable[[Watched], None]:
    return lambda world: world.henb.tamper(name, world.now, until=until)


def _fall_silent(world: Watched) -> None:
    world.cut |= EVERYTHING
    world.henb.tamper("software-modified", world.now)


def _heal(world: Watched) -> None:
    world.cut.clear()


def _run_all(world: Watched) -> None:
    world.run_playbook("all")


def _block(world: Watched) -> None:
    world.instruct(world.cases()[-1], "BLOCK")


@dataclass(frozen=True)
class Scene:
    """What is gone through; ``least``: how many points it has at least."""

    phases: list[Phase]
    options: dict[str, Any] = field(default_factory=dict)
    neighbours: int = 0
    least: int = 50


SCENES = {
    "reconfiguration": Scene([Phase(_tamper("configuration-modified", "factory_reset"), 1000)]),
    "software": Scene([Phase(_tamper("software-modified", "reboot"), 1000)]),
    "fatal": Scene([Phase(_tamper("circuit-modified"), 12_000)], least=2),
    "blocked": Scene(
        [Phase(_tamper("configuration-modified", "never"), 1000), Phase(_block, 100)],
        {"image": None},
    ),
    "distress": Scene(
        [
            Phase(lambda world: world.cut.add("standard"), 1),
            Phase(_tamper("configuration-modified", "reboot"), 4000),
        ],
        {"distress": 1},
    ),
    "group": Scene([Phase(_run_all, 600)], neighbours=2, least=30),
    "emergency": Scene(
        [Phase(_fall_silent, 120), Phase(_heal, 3000)],
        {"emergency_available": True, "roles": ("initial", "serving", "emergency")},
    ),
}


def begin(scene: Scene, folder: Path) -> Watched:
    """Return the world of a scene, its HeNBs provisioned; ``folder`` is for operators' playbooks."""
    options = dict(scene.options)
    if scene.neighbours:
        for name, text in PLAYBOOKS.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        options["library"] = rm.load_library(folder)
        assert not options["library"].problems
    world = Watched(**options)
    world.boot()
    for number in range(scene.neighbours):
        neighbour = world.add(f"cell{number}")
        with world.conn.begin():
            device = dev.find(world.conn, neighbour.key)
            assert device is not None
            dev.add_group(world.conn, device.id, "stadium")
    world.run(60)
    return world
