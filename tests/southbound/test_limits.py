"""Token buckets by address or device, and what counts as one address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.southbound.limits import Buckets, Familiar, address_key, within


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_an_ipv6_host_is_its_network(address, key):
    assert address_key(address) == key


def test_within_knows_networks_of_both_kinds():
    inside = within([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")])
    keys = ("127.9.9.9", "2001:db8:1:2::/64", "2001:db9:1:2::/64", "128.0.0.1", "local")
    assert [inside(key) for key in keys] == [True, True, False, False, False]


def test_a_burst_is_spent_and_comes_back_with_time():
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 0) == 0
    assert buckets.wait("a", 0) == 0.5
    assert buckets.take("a", 0.5) == 0
    assert buckets.wait("a", 100) == 0
    assert [buckets.take("a", 100) for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_is_given_back_can_be_spent_again_but_never_more_than_a_burst():
    buckets = Buckets(rate=1, burst=2)
    buckets.spend("a", 0, 5)
    assert buckets.wait("a", 0) == 1
    buckets.give_back("a", 0, 100)
    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 1]
    buckets.give_back("unknown", 0)
    assert len(buckets) == 1


def test_a_debt_has_to_be_paid_before_more_is_spent():
    buckets = Buckets(rate=10, burst=100)
    buckets.spend("a", 0, 150, debt=True)
    assert buckets.wait("a", 0) == pytest.approx(5.1)
    buckets.spend("a", 0, 10_000, debt=True)
    assert buckets.wait("a", 0) == pytest.approx(10.1)


def test_more_than_a_burst_is_served_from_a_full_bucket():
    buckets = Buckets(rate=10, burst=100)
    assert buckets.take("a", 0, 1000) == 0
    assert buckets.take("a", 0, 1000) == 10


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 3), st.floats(0, 10)), max_size=200),
)
def test_nobody_gets_more_than_burst_and_rate_and_the_table_never_grows(steps):
    buckets = Buckets(rate=1, burst=5, capacity=8)
    now, spent = 0.0, dict.fromkeys("abcdefgh", 0.0)
    for key, pause, amount in steps:
        now += pause
        if buckets.take(key, now, amount) == 0:
            spent[key] += min(amount, 5)
    assert all(total <= 5 + now + 1e-6 for total in spent.values())
    assert len(buckets) <= 8


def test_who_was_seen_longest_ago_is_forgotten():
    buckets, familiar = Buckets(rate=1, burst=1, capacity=2), Familiar(2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0)
        familiar.add(key)
    assert buckets.wait("a", 0) == 1
    assert buckets.wait("b", 0) == 0
    assert ("a" in familiar, "b" in familiar, "c" in familiar) == (True, False, True)


def test_turns_are_reserved_one_after_the_other_until_the_queue_is_full():
    buckets = Buckets(rate=2, burst=2)
    assert [buckets.reserve("a", 0, longest=1) for _ in range(6)] == [0, 0, 0.5, 1, 1.5, 1.5]
    assert buckets.reserve("b", 0, longest=1) == 0
    assert buckets.reserve("a", 1, longest=1) == 0.5
    assert buckets.reserve("a", 100, longest=1) == 0


@given(st.lists(st.floats(0, 3), max_size=200))
def test_no_two_turns_are_closer_than_the_rate_beyond_the_burst(pauses):
    buckets, now, turns = Buckets(rate=1, burst=3), 0.0, []
    for pause in pauses:
        now += pause
        wait = buckets.reserve("a", now, longest=5)
        if wait <= 5:
            turns.append(now + wait)
    assert turns == sorted(turns)
    assert all(later - earlier >= 1 - 1e-6 for earlier, later in zip(turns, turns[3:], strict=False))
