"""What each subscription has still to be told: pages, claims, failures and bounds, on both engines."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from acs import alarms as al
from acs import devices as dev
from acs import subscriptions as sub
from acs.alarms import prune_alarms
from acs.errors import AcsError
from acs.northbound.manager import verdict
from acs.northbound.signature import sign, verify
from acs.security import Sealer, SealError
from acs.store import Store
from acs.store.tables import deliveries, outbox, subscriptions

NOW = 1_800_000_000.0
URL = "https://nms.example/notify"
SEALER = Sealer(bytes(range(32)))
DOWN = sub.Failure("down", "nobody is there")


async def subscribe(
    store: Store, wanted: sub.Filter | None = None, url: str = URL, **options
) -> sub.Subscription:
    facts = {"sealer": SEALER, "who": "op", "owner": "noc", "now": NOW, **options}
    return (await store.write(sub.add_subscription, url, wanted or sub.Filter(), **facts))[0]


async def tell(store: Store, serial: str, kind: str = "notifyComments", **body) -> int:
    def act(conn) -> int:
        device = dev.register(conn, "0005B9", serial, now=NOW)
        al.notify(conn, device, kind, body, now=NOW)
        return conn.execute(select(func.max(outbox.c.id))).scalar_one()

    return await store.write(act)


async def take(store: Store, number: int, node: str = "n1", now: float = NOW) -> list[int]:
    page = await store.write(sub.take_page, number, node=node, now=now)
    return [each.id for each in page.waiting] if page else []


async def settle(
    store: Store, number: int, delivered=(), failures=None, *, node="n1", now: float = NOW
) -> None:
    facts = {"longest": 300.0, "jitter": 0.0, "now": now, "node": node}
    await store.write(sub.settle, number, delivered=list(delivered), failures=failures or {}, **facts)


async def test_what_is_delivered_goes_and_what_happened_before_is_not_told(store: Store) -> None:
    await tell(store, "A1")
    made = await subscribe(store)
    first, second, third = [await tell(store, serial) for serial in ("A1", "A2", "A1")]
    assert await take(store, made.id) == [first, second, third]
    await settle(store, made.id, [first, third])
    assert await take(store, made.id) == [second]
    await settle(store, made.id, [second])
    assert await take(store, made.id) == []
    found = await store.read(sub.find_subscription, made.id)
    assert (found.delivered, found.delivered_at, found.failures) == (3, NOW, 0)


async def test_one_node_delivers_at_a_time_and_one_that_died_is_replaced(store: Store) -> None:
    made = await subscribe(store)
    number = await tell(store, "A1")
    assert await take(store, made.id, "n1") == [number]
    assert await take(store, made.id, "n2", NOW + sub.LEASE - 1) == []
    assert await store.read(sub.due_subscriptions, now=NOW) == []
    assert await take(store, made.id, "n2", NOW + sub.LEASE) == [number]
    await settle(store, made.id, node="n1")  # too late: it is not this node's any more
    assert await take(store, made.id, "n3", NOW + sub.LEASE) == []
    await settle(store, made.id, node="n2")
    assert await store.read(sub.due_subscriptions, now=NOW) == [made.id]


async def test_a_manager_that_is_down_is_tried_less_and_less_often(store: Store) -> None:
    made = await subscribe(store)
    number = await tell(store, "A1")
    now, waits = NOW, []
    for _ in range(11):
        assert await take(store, made.id, now=now) == [number]
        await settle(store, made.id, failures={number: DOWN}, now=now)
        found = await store.read(sub.find_subscription, made.id)
        waits.append(found.retry_at - now)
        assert await take(store, made.id, now=found.retry_at - 0.5) == []
        now = found.retry_at
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert (found.failures, found.last_error) == (11, "nobody is there")
    assert await take(store, made.id, now=now) == [number]
    await settle(store, made.id, [number], now=now)
    found = await store.read(sub.find_subscription, made.id)
    assert (found.failures, found.retry_at, found.last_error) == (0, None, "")


async def test_what_the_manager_fails_at_holds_its_device_alone_and_is_given_up_visibly(store: Store) -> None:
    made = await subscribe(store)
    bad, after, other = [await tell(store, serial) for serial in ("A1", "A1", "A2")]
    failed = {bad: sub.Failure("failed", "the manager answered 500")}
    assert await take(store, made.id) == [bad, after, other]
    await settle(store, made.id, [other], failed)
    assert await take(store, made.id) == []  # `after` comes after `bad`, or not at all
    now = NOW
    for _ in range(19):
        now += 300
        assert await take(store, made.id, now=now) == [bad, after]
        await settle(store, made.id, failures=failed, now=now)
    assert await take(store, made.id, now=now) == [after]
    [dead] = await store.read(sub.dead_letters, made.id)
    assert (dead.id, dead.attempts, dead.error) == (bad, 20, "the manager answered 500")
    await settle(store, made.id, [after], now=now)
    assert await store.write(sub.retry_dead, made.id, who="op", now=now) == 1
    assert await take(store, made.id, now=now) == [bad]


async def test_what_is_refused_is_given_up_at_once(store: Store) -> None:
    made = await subscribe(store)
    first, second = await tell(store, "A1"), await tell(store, "A1")
    await take(store, made.id)
    await settle(store, made.id, [second], {first: sub.Failure("refused", "422")})
    [backlog] = await store.read(sub.backlogs)
    assert (backlog.waiting, backlog.dead, backlog.oldest_at) == (0, 1, None)


async def test_too_much_for_a_manager_becomes_the_notice_to_read_the_alarm_list(store: Store) -> None:
    made = await subscribe(store, sub.Filter(notification_types=("notifyComments",)))
    other = await subscribe(store, url="https://fraud.example/")
    numbers = [await tell(store, f"A{number % 20}") for number in range(41)]
    facts = {"most": 40, "system_dn": "DC=x", "now": NOW + 1}
    assert await store.write(sub.bound_backlog, made.id, **facts) == 41
    assert await store.write(sub.bound_backlog, made.id, **facts) == 0
    page = await store.write(sub.take_page, made.id, node="n1", now=NOW + 1)
    [notice] = page.waiting
    body = msgspec.json.decode(notice.body)
    assert body["notificationType"] == "notifyAlarmListRebuilt"
    assert body["alarmListAlignmentRequirement"] == "ALIGNMENT_REQUIRED"
    assert await take(store, other.id) == numbers


async def test_a_device_that_causes_too_much_loses_its_own_line_alone(store: Store) -> None:
    made = await subscribe(store)
    good = await tell(store, "A1")
    for _ in range(11):
        await tell(store, "EVIL")
    facts = {"most": 100, "system_dn": "DC=x", "now": NOW}
    assert await store.write(sub.bound_backlog, made.id, **facts) == 11
    assert await store.write(sub.bound_backlog, made.id, **facts) == 0
    page = await store.write(sub.take_page, made.id, node="n1", now=NOW)
    assert page.waiting[0].id == good
    body = msgspec.json.decode(page.waiting[1].body)
    assert body["objectInstance"] == "ManagedElement=0005B9-EVIL"
    assert len(page.waiting) == 2


async def test_what_waits_outlives_the_retention(store: Store) -> None:
    made = await subscribe(store)
    number = await tell(store, "A1")
    await store.write(prune_alarms, before=NOW + 1, limit=10)
    assert await take(store, made.id) == [number]
    await settle(store, made.id, [number])
    await store.write(prune_alarms, before=NOW + 1, limit=10)
    assert await store.read(lambda conn: conn.execute(select(outbox.c.id)).all()) == []


async def test_a_manager_is_told_what_its_filter_lets_through(store: Store) -> None:
    def group(conn):
        dev.add_group(conn, dev.register(conn, "0005B9", "A1", now=NOW).id, "stadium")

    await store.write(group)
    security = await subscribe(store, sub.Filter(("notifyNewSecAlarm",), ("CRITICAL", "MAJOR")))
    stadium = await subscribe(store, sub.Filter(groups=("stadium",)))
    detector = {"securityAlarmDetector": "HeNB:x"}
    wanted = await tell(store, "A1", "notifyNewAlarm", perceivedSeverity="MAJOR", **detector)
    minor = await tell(store, "A1", "notifyNewAlarm", perceivedSeverity="MINOR", **detector)
    plain = await tell(store, "A1", "notifyNewAlarm", perceivedSeverity="MAJOR")
    elsewhere = await tell(store, "A2", "notifyNewAlarm", perceivedSeverity="CRITICAL", **detector)
    assert await take(store, security.id) == [wanted, elsewhere]
    assert await take(store, stadium.id) == [wanted, minor, plain]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://nms.example/", {}),
        ("ftp://nms.example/", {}),
        ("https://", {}),
        ("https://user:secret@nms.example/", {}),
        ("https://nms.example/\r\nHost: x", {}),
        ("https://nms.example:99999/", {}),
        (URL, {"ca": "no PEM"}),
        (URL, {"bearer": "a\r\nb"}),
        (URL, {"wanted": sub.Filter(("notifyNothing",))}),
        (URL, {"wanted": sub.Filter((), ("AWFUL",))}),
    ],
)
async def test_a_subscription_that_makes_no_sense_is_not_made(store: Store, url: str, options: dict) -> None:
    with pytest.raises(AcsError):
        await subscribe(store, url=url, **options)
    assert await store.read(sub.list_subscriptions) == []


async def test_secrets_are_sealed_and_good_for_their_url_alone(store: Store) -> None:
    facts = {"sealer": SEALER, "who": "op", "owner": "noc", "bearer": "t0ken", "now": NOW}
    _, secret = await store.write(sub.add_subscription, URL, sub.Filter(), **facts)
    query = select(subscriptions.c.secret_sealed, subscriptions.c.bearer_sealed)
    sealed = tuple(await store.read(lambda conn: conn.execute(query).one()))
    assert secret.encode() not in sealed[0]
    assert sub.open_secrets(SEALER, URL, *sealed) == (secret, "t0ken")
    with pytest.raises(SealError):
        sub.open_secrets(SEALER, "https://evil.example/", *sealed)


async def test_a_subscription_that_ends_leaves_nothing(store: Store) -> None:
    made = await subscribe(store)
    await tell(store, "A1")
    await store.write(sub.remove_subscription, made.id, who="op", now=NOW)
    assert await store.read(lambda conn: conn.execute(select(deliveries)).all()) == []
    await tell(store, "A1")
    with pytest.raises(AcsError, match="no subscription"):
        await store.write(sub.remove_subscription, made.id, who="op", now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, None) for status in (200, 202, 204)),
        *((status, "down") for status in (301, 302, 307, 401, 403, 404, 405, 408, 410, 429, 502, 503, 504)),
        *((status, "failed") for status in (500, 501)),
        *((status, "refused") for status in (400, 413, 415, 422)),
    ],
)
def test_what_an_answer_means(status: int, kind: str | None) -> None:
    found = verdict(status, "7")
    assert (found.kind if found else None) == kind


@given(st.binary(max_size=100), st.integers(0, 10**9), st.integers(-400, 400))
def test_a_signature_holds_for_its_body_and_its_time(body: bytes, at: int, later: int) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = sign(secret, "1-2", at, body)
    now = at + later
    assert verify(secret, "1-2", str(at), body, f"v1,AAAA {made}", now=now) == (abs(later) <= 300)
    assert not verify(secret, "1-3", str(at), body, made, now=at)
    assert not verify(secret, "1-2", str(at), body + b"x", made, now=at)
    assert not verify(secret, "1-2", str(at + 1), body, made, now=at)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification of Standard Webhooks.
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    made = sign(secret, message_id, 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
