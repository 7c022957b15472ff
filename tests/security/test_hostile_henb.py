"""What a HeNB in an attacker's hands can't do: stop the remediation of others, or fill the store."""

from __future__ import annotations

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.event import listen

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.alarms import AlarmEvent
from acs.alarms.outbox import MAX_KEPT
from acs.cwmp import messages as m
from acs.files.uploads import UploadLimits, claim_upload, find_upload
from acs.files.urls import UploadGrant
from acs.remediation.reactions import alarms_changed
from acs.remediation.safety.limits import Canary, Safety, StopRule
from acs.remediation.safety.slots import end_slot, slot_state
from acs.remediation.triage import MOST_CASES, next_case, remediated, signature_of
from acs.southbound.impersonation import Claims
from acs.store.tables import audit, cases, commands, outbox
from tests.remediation.slots import NOW, asks, gives, make_case, make_cases
from tests.world import POLICY, World

pytestmark = pytest.mark.row("2.4")


def case_of(conn, device_id: int) -> int:
    """Open one more case of a device whose last one has ended."""
    conn.execute(cases.update().where(cases.c.device_id == device_id).values(state="closed"))
    return make_case(conn, device_id)


async def test_one_device_that_fails_again_and_again_stops_nobody_else(store):
    rules = Safety(stop=StopRule(failures=3, percent=50, window=600), canary=Canary(cases=0))

    def story(conn):
        first, *others = make_cases(conn, 4)
        hostile = conn.execute(select(cases.c.device_id).where(cases.c.id == first)).scalar_one()
        for number in range(6):
            mine = case_of(conn, hostile)
            assert asks(conn, mine, rules=rules, now=NOW + number) is None
            end_slot(conn, mine, "bad")
            gives(conn, rules=rules, now=NOW + number)
        for each in others[:2]:
            assert asks(conn, each, rules=rules, now=NOW + 10) is None
            end_slot(conn, each, "bad")
        held = asks(conn, others[2], rules=rules, now=NOW + 11)
        assert "3 of the last 3" in held.reason  # three devices are three voices

    await store.write(story)


async def test_one_device_does_not_vouch_for_a_procedure_alone(store):
    """Its successes do not open the gate of the canaries for all others of its kind."""
    rules = Safety(canary=Canary(cases=2, memory=86_400))
    kind = ["kind:P2S SW_MODIFIED HeNB-LTE", "fleet"]

    def story(conn):
        from acs.remediation.safety.slots import ask

        def wants(case_id: int, now: float):
            return ask(conn, case_id, kind, urgency=1, rules=rules, system_dn="DC=x", now=now)

        first, *others = make_cases(conn, 4)
        hostile = conn.execute(select(cases.c.device_id).where(cases.c.id == first)).scalar_one()
        for number in range(4):
            mine = case_of(conn, hostile)
            assert wants(mine, NOW + number) is None
            end_slot(conn, mine, "good")
            gives(conn, rules=rules, now=NOW + number)
        assert wants(others[0], NOW + 10) is None
        assert "2 of a kind have to succeed first, 1 have" in wants(others[1], NOW + 10).reason

    await store.write(story)


async def test_one_device_does_not_keep_the_slot_of_its_site(store):
    """However critical the alarm is that it raises as soon as the last one was treated."""

    def story(conn):
        first, other = make_cases(conn, 2)
        hostile = conn.execute(select(cases.c.device_id).where(cases.c.id == first)).scalar_one()
        assert asks(conn, first, site="x", urgency=0) is None
        assert asks(conn, other, site="x", urgency=3) is not None
        end_slot(conn, first, "good")
        again = case_of(conn, hostile)
        assert asks(conn, again, site="x", urgency=0, now=NOW + 1) is not None
        assert slot_state(conn, other) == "granted"
        end_slot(conn, other, "good")
        gives(conn, now=NOW + 2)
        assert slot_state(conn, again) == "granted"

    await store.write(story)


def event(number: int, **values: str) -> AlarmEvent:
    told = {
        "table": "ExpeditedEvent",
        "instance": 1,
        "event_time": f"2026-01-01T00:00:00.{number:06}Z",
        "alarm_identifier": f"A{number}",
        "notification_type": "NewAlarm",
        "event_type": "Integrity Violation",
        "probable_cause": "Duplicate Information",
        "specific_problem": "",
        "perceived_severity": "Warning",
        "managed_object_instance": "",
        "additional_text": "",
        "additional_information": "",
    }
    return AlarmEvent(**{**told, **values})


def test_a_device_has_so_many_cases_within_an_hour_and_no_more():
    world = World(golden=False, image=None)

    def flood(conn, device) -> int:
        count = 0
        for number in range(3 * MOST_CASES):
            al.apply(conn, device, [event(number)], now=world.now)
            made = next_case(conn, device, env=world.env, now=world.now)
            if made is not None:
                count += 1
                conn.execute(cases.update().where(cases.c.id == made.id).values(state="closed"))
        return count

    with world.conn.begin():
        device = dev.register(world.conn, "0005B9", "LOUD", now=world.now)
        assert flood(world.conn, device) <= MOST_CASES
        told = select(func.count()).where(audit.c.action == "too many cases")
        assert world.conn.execute(told).scalar_one() == 1
        # What is fatal is treated at once, and the others when their turn comes.
        fatal = {"probable_cause": "Information Modification Detected", "perceived_severity": "Critical"}
        al.apply(world.conn, device, [event(999, **fatal)], now=world.now)
        made = next_case(world.conn, device, env=world.env, now=world.now)
        assert made is not None
        assert made.procedure == "P3"
        conn = world.conn
        conn.execute(cases.update().where(cases.c.id == made.id).values(state="closed"))
        assert next_case(conn, device, env=world.env, now=world.now + 3700) is not None


def test_what_is_fatal_is_treated_at_once_whatever_a_policy_calls_urgent():
    world = World(golden=False, image=None, policy=POLICY + "safety: {urgent: []}\n")
    with world.conn.begin():
        conn, device = world.conn, dev.register(world.conn, "0005B9", "LOUD", now=world.now)
        for number in range(2 * MOST_CASES):
            al.apply(conn, device, [event(number)], now=world.now)
            made = next_case(conn, device, env=world.env, now=world.now)
            if made is not None:
                conn.execute(cases.update().where(cases.c.id == made.id).values(state="closed"))
        fatal = {"probable_cause": "Information Modification Detected", "perceived_severity": "Critical"}
        al.apply(conn, device, [event(999, **fatal)], now=world.now)
        made = next_case(conn, device, env=world.env, now=world.now)
        assert made is not None
        assert made.procedure == "P3"


@pytest.mark.parametrize("spelling", ["SW_Modified", " sw_modified ", "SW_MODIFIED"])
def test_a_trouble_that_came_back_is_known_however_the_device_spells_it(spelling):
    world = World(golden=False, image=None)
    with world.conn.begin():
        conn, device = world.conn, dev.register(world.conn, "0005B9", "ODD", now=world.now)
        kind = {"probable_cause": "Unauthorized Access Attempt", "specific_problem": "SW_MODIFIED"}
        (change,) = al.apply(conn, device, [event(1, **kind)], now=world.now).changes
        made = next_case(conn, device, env=world.env, now=world.now)
        ended = {"state": "closed", "outcome": "REMEDIATED", "closed_at": world.now}
        conn.execute(cases.update().where(cases.c.id == made.id).values(**ended))
        (again,) = al.apply(
            conn, device, [event(2, **{**kind, "specific_problem": spelling})], now=world.now
        ).changes
        ago = remediated(conn, device.id, env=world.env, now=world.now)
        assert ago[signature_of(change.alarm)] == ago[signature_of(again.alarm)] == 1


async def test_notifications_of_a_device_that_everybody_was_told_are_bounded(store):
    def story(conn):
        loud = dev.register(conn, "0005B9", "LOUD", now=NOW)
        quiet = dev.register(conn, "0005B9", "QUIET", now=NOW)
        al.notify(conn, quiet, "notifyComments", {"commentText": "x"}, now=NOW)
        row = {"device_id": loud.id, "notification_type": "notifyNewAlarm", "body": "{}", "created_at": NOW}
        conn.execute(insert(outbox), [row] * (MAX_KEPT + 500))
        for _ in range(100):
            al.notify(conn, loud, "notifyNewAlarm", {}, now=NOW)
        counted = select(outbox.c.device_id, func.count()).group_by(outbox.c.device_id)
        assert {row[0]: row[1] for row in conn.execute(counted)} == {
            loud.id: pytest.approx(MAX_KEPT, abs=100),
            quiet.id: 1,
        }

    await store.write(story)


async def test_what_a_device_makes_the_acs_ask_is_bounded(store):
    def story(conn):
        device = dev.register(conn, "0005B9", "LOUD", now=NOW)
        kept = cm.enqueue(conn, device.id, m.Reboot("op"), command_key="op", purpose="operator", now=NOW)
        cm.fail(conn, kept, None, "x", now=NOW)
        for number in range(2200):
            key = f"a{device.id}-{number}"
            request = m.GetParameterValues(("Device.FaultMgmt.CurrentAlarm.",))
            made = cm.enqueue(conn, device.id, request, command_key=key, purpose=al.RESYNC, now=NOW)
            cm.fail(conn, made, None, "x", now=NOW)
        assert conn.execute(select(func.count()).select_from(commands)).scalar_one() <= 2052
        assert cm.find_command(conn, kept.id) is not None

    await store.write(story)


@pytest.mark.parametrize("rows", ["silence", "none"])
def test_what_an_inform_costs_is_in_proportion_to_the_events_in_it(rows):
    """Not to all alarms of the device for each of them: others wait for the writer meanwhile."""
    world = World(golden=False, image=None)
    counted = [0]
    listen(world.conn, "before_cursor_execute", lambda *_: counted.__setitem__(0, counted[0] + 1))

    def cost(device, count: int) -> int:
        for turn in range(2):  # once until they are there, then again
            told = [event(number, event_time=f"t{turn}") for number in range(count)]
            counted[0] = 0
            changes = al.apply(world.conn, device, told, now=world.now).changes
            alarms_changed(world.conn, device, changes, env=world.env, now=world.now)
        assert len(changes) == count
        return counted[0]

    with world.conn.begin():
        few, many = (dev.register(world.conn, "0005B9", serial, now=world.now) for serial in ("FEW", "MANY"))
        if rows == "silence":
            ends = {"starts_at": world.now, "ends_at": world.now + 3600}
            al.add_silence(world.conn, ["oui=0005B9"], **ends, who="ann", why="noise", now=world.now)
        assert cost(many, 200) <= 5 * cost(few, 50)


def test_a_device_that_claims_to_be_every_other_one_raises_alarms_at_few():
    claims = Claims()
    followed = sum(claims(f"0005B9-V{number}", "liar", NOW + number) for number in range(3600))
    assert 60 <= followed <= 100
    assert claims("0005B9-V9", "another", NOW + 3600)
    assert not claims("0005B9-V9", "another", NOW + 3601)


async def test_what_a_device_calls_its_file_is_kept_as_text(store):
    """A NUL, which a URL can carry, would make PostgreSQL fail; an escape has no place in any list."""

    def story(conn):
        device = dev.register(conn, "0005B9", "ODD", now=NOW)
        grant = UploadGrant(device.id, "logs", "k", NOW + 60, key="once")
        limits = UploadLimits(size=100, device_quota=1000, total_quota=10_000)
        told = {"media_type": "", "address": "192.0.2.1", "declared": 10, "now": NOW}
        claim = claim_upload(conn, grant, limits=limits, name="a\0b\x1b[2J\u202e", **told)
        assert find_upload(conn, claim.upload_id).name == "a\ufffdb\ufffd[2J\ufffd"

    await store.write(story)
