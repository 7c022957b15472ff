"""AdminState becomes true only where place, enclosure and clock are in order, and as soon as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acs import detection as dt
from acs import devices as dev
from acs.cwmp import messages as m
from acs.simulator import Surroundings
from tests.world import World

FAP = "Device.Services.FAPService.1."
ADMIN_STATE, RADIO = f"{FAP}FAPControl.LTE.AdminState", f"{FAP}FAPControl.LTE.RFTxStatus"
VIENNA = {"latitude": "48.2082", "longitude": "16.3738", "macro_cells": "100,101"}
AT_HOME = Surroundings((48.2083, 16.3737), (100, 101), "Synchronized")
ENCLOSURE, STATUS = f"{FAP}FAPControl.EnclosureTamperingDetected", "Device.Time.Status"


def unboxed(**options) -> World:
    """A HeNB that is registered for a place, and has not been switched on yet."""
    made = World(**options)
    with made.conn.begin():
        device = dev.register(made.conn, "0005B9", made.henb.device_id.serial_number, now=made.now)
        dev.set_site_values(made.conn, "roof-1", VIENNA)
        dev.set_site(made.conn, device.id, "roof-1")
    made.henb.carry_to(AT_HOME)
    return made


def radiates(made: World) -> bool:
    values = {made.henb.tree.value(ADMIN_STATE), made.henb.tree.value(RADIO)}
    assert len(values) == 1
    return values == {"1"}


def withheld(made: World) -> list[str]:
    """Why AdminState was kept false, as the managers read it."""
    return [each["because"] for each in made.outbox() if each.get("commentText") == "AdminState stays false"]


def elsewhere(made: World) -> None:
    made.henb.carry_to(replace(AT_HOME, place=(47.0707, 15.4395)))


def at_home(made: World) -> None:
    made.henb.carry_to(AT_HOME)


def opened(made: World) -> None:
    made.henb.tree.set(ENCLOSURE, "1")


def closed(made: World) -> None:
    made.henb.tree.set(ENCLOSURE, "0")


def without_time(made: World) -> None:
    made.henb.carry_to(replace(AT_HOME, time="Unsynchronized"))


def with_time(made: World) -> None:
    made.henb.carry_to(AT_HOME)


@pytest.mark.row("S1 L82.5")
def test_place_enclosure_and_clock_are_looked_at_before_it_radiates_for_the_first_time():
    made = unboxed()
    asked = []
    handle = type(made.henb).handle

    class Listening(type(made.henb)):
        __slots__ = ()

        def handle(self, request, now):
            asked.append(request)
            return handle(self, request, now)

    made.henb.__class__ = Listening
    made.boot()
    assert radiates(made)
    unlocked = next(
        number
        for number, each in enumerate(asked)
        if isinstance(each, m.SetParameterValues) and ADMIN_STATE in [one.name for one in each.parameters]
    )
    before = [each.names for each in asked[:unlocked] if isinstance(each, m.GetParameterValues)]
    assert {(ENCLOSURE,), (STATUS,), ("Device.FAP.GPS.",), (f"{FAP}REM.LTE.Cell.",)} <= set(before)
    states = {each.check: each.state for each in made.look(dt.known_results, made.device.id)}
    assert states["C-11"] == "ok"


@pytest.mark.parametrize(
    ("wrong", "right", "why"),
    [
        (opened, closed, "EnclosureTamperingDetected is true"),
        (without_time, with_time, "Time.Status is Unsynchronized"),
    ],
)
def test_what_speaks_against_it_keeps_it_from_radiating_until_it_is_over(wrong, right, why):
    made = unboxed()
    wrong(made)
    made.boot()
    made.run(3000)
    assert not radiates(made)
    assert withheld(made)[0] == why
    assert made.cases("provisioning")[-1].outcome == "PROVISIONED"  # everything else is set
    assert made.henb.tree.value(f"{FAP}FAPControl.LTE.Gateway.SecGWServer1") == "segw1.femto.example"
    right(made)
    before = len(withheld(made))
    made.run(3000)
    assert radiates(made)
    assert len(withheld(made)) == before
    assert [each.outcome for each in made.cases("configuration")] == ["CONFIGURED"]


def test_a_henb_that_is_first_switched_on_somewhere_else_is_given_nothing_until_it_is_at_its_place():
    made = unboxed()
    elsewhere(made)
    made.boot()
    made.run(3000)
    assert not radiates(made)
    (case,) = made.cases()
    assert (case.procedure, case.outcome) == ("P2R", "EXTENDED")
    at_home(made)
    made.instruct(case, "RETRY", "it was brought there")
    made.run(3000)
    assert [each.outcome for each in made.cases()] == ["REMEDIATED"]
    assert made.device.provisioned_for == "1.0.0"
    assert radiates(made)


def test_what_a_person_accepts_keeps_it_no_longer():
    made = unboxed()
    opened(made)
    made.boot()
    made.run(3000)
    assert not radiates(made)
    facts = {"who": "ann@cli", "why": "a technician was there"}
    with made.conn.begin():
        assert dt.accept(made.conn, made.device, "C-10", how=made.env.detection(made.now), **facts)
    made.run(3000)
    assert radiates(made)


def test_a_policy_may_want_less():
    made = unboxed(policy="extends: default\nname: test\ndetection: {withhold: []}\n")
    opened(made)
    made.boot()
    assert radiates(made)


def test_a_clock_that_was_never_set_keeps_it_from_radiating():
    made = unboxed(start=1000.0)  # 1970, on both sides: only what the device says is looked at
    made.boot()
    assert not radiates(made)
    assert withheld(made) == ["its clock is not set"]


def test_a_reset_in_a_ladder_does_not_let_an_opened_device_radiate_again():
    made = unboxed()
    made.boot()
    assert radiates(made)
    opened(made)
    made.tamper("configuration-modified", until="factory_reset")
    assert "FactoryReset" in [each.method for each in made.henb.executed]
    assert [each.outcome for each in made.cases() if each.procedure == "P2R"] == ["REMEDIATED"]
    assert not radiates(made)
    assert withheld(made) == ["EnclosureTamperingDetected is true"]


def test_without_a_place_to_compare_with_nothing_is_asked_of_gps():
    made = World()
    made.boot()
    assert radiates(made)
    assert "C-11" not in {
        each.check for each in made.look(dt.known_results, made.device.id) if each.state != "unknown"
    }
