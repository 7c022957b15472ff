"""Inhibition: who holds back whom; whatever the rules are, not all alarms vanish."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from acs.alarms.inhibition import Inhibition, Known, inhibited, inhibition_problems

FATAL = Inhibition("fatal", ["severity=CRITICAL"], ["severity in (MAJOR, MINOR)"], "follows from it")
OUTAGE = Inhibition(
    "outage",
    ["specific_problem=SILENT"],
    ["specific_problem=SILENT"],
    "the site is cut off",
    scope="site",
    at_least=3,
)


def alarm(number: int, severity: str = "MAJOR", **facts) -> Known:
    device, site = facts.get("device", 1), facts.get("site", "")
    told = {"perceived_severity": (severity,), "specific_problem": (facts.get("problem", "X"),)}
    raised = facts.get("raised", float(number))
    return Known(number, device, site, severity, raised, told, facts.get("grave", False))


def test_a_fatal_alarm_holds_back_the_lesser_ones_of_its_device_alone():
    found = inhibited([FATAL], [alarm(1), alarm(2, "CRITICAL"), alarm(3, "MINOR"), alarm(4, device=2)])
    assert {number: (each.rule.name, each.source_id) for number, each in found.items()} == {
        1: ("fatal", 2),
        3: ("fatal", 2),
    }


def test_when_the_source_is_gone_they_come_out():
    assert inhibited([FATAL], [alarm(1), alarm(3, "MINOR")]) == {}


def test_what_is_grave_is_never_held_back():
    everything = Inhibition("all", ["severity=CRITICAL"], ["severity=CRITICAL"], "twice the same")
    found = inhibited([everything], [alarm(1, "CRITICAL"), alarm(2, "CRITICAL", grave=True)])
    assert set(found) == {1}  # it comes after the grave one, which is told


def test_an_outage_of_a_site_is_told_once():
    there = [alarm(n, device=n, site="roof", problem="SILENT") for n in (1, 2, 3, 4)]
    elsewhere = [alarm(9, device=9, site="cellar", problem="SILENT"), alarm(8, device=8, problem="SILENT")]
    assert set(inhibited([OUTAGE], [*there, *elsewhere])) == {2, 3, 4}
    assert inhibited([OUTAGE], [*there[:2], *elsewhere]) == {}  # two devices are no outage
    assert set(inhibited([OUTAGE], [*there[1:], *elsewhere])) == {3, 4}  # the first is back: another is told


def test_several_alarms_of_one_device_are_no_outage():
    there = [alarm(n, device=1, site="roof", problem="SILENT") for n in (1, 2, 3, 4)]
    assert inhibited([OUTAGE], there) == {}


def test_a_chain_is_held_back_whole():
    rules = [
        Inhibition("one", ["specific_problem=A"], ["specific_problem=B"], "b"),
        Inhibition("two", ["specific_problem=B"], ["specific_problem=C"], "c"),
    ]
    found = inhibited(rules, [alarm(1, problem="C"), alarm(2, problem="B"), alarm(3, problem="A")])
    assert {number: each.source_id for number, each in found.items()} == {2: 3, 1: 2}


def test_rules_that_make_no_sense_are_named():
    rules = [
        Inhibition("a", ["severity=CRITICAL"], [], "why"),
        Inhibition("a", ["severity=CRITICAL"], ["site!=x"], " "),
        Inhibition("", ["colour=red"], ["severity=MINOR"], "why", at_least=2),
    ]
    told = "; ".join(inhibition_problems(rules))
    for part in ("inhibit 1: target", "inhibit 2: target", "inhibit 2: `because`", "'a' stands twice"):
        assert part in told
    for part in ("inhibit 3: source: 'colour'", "inhibit 3: a name", "inhibit 3: at_least"):
        assert part in told
    assert inhibition_problems([FATAL, OUTAGE]) == []


words = st.sampled_from(["A", "B", "C"])
sides = st.lists(words, min_size=1, max_size=3, unique=True).map(
    lambda w: [f"specific_problem in ({', '.join(w)})"]
)
rules = st.lists(
    st.builds(
        Inhibition,
        name=st.just("r"),
        source=sides,
        target=sides,
        because=st.just("b"),
        scope=st.sampled_from(["device", "site"]),
        at_least=st.just(1) | st.just(2),
    ),
    max_size=5,
)
alarms = st.lists(
    st.tuples(
        words,
        st.sampled_from(["CRITICAL", "MAJOR", "MINOR"]),
        st.integers(1, 3),
        st.sampled_from(["", "s", "t"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=12,
).map(
    lambda rows: [
        alarm(n, severity, problem=word, device=device, site=site, raised=float(at), grave=grave)
        for n, (word, severity, device, site, at, grave) in enumerate(rows, 1)
    ]
)


@given(rules, alarms)
def test_whatever_the_rules_are_what_is_held_back_goes_back_to_what_is_told(rules, alarms):
    found = inhibited(rules, alarms)
    known = {each.id: each for each in alarms}
    assert not alarms or len(found) < len(alarms)
    assert not [number for number in found if known[number].grave]
    for number in found:
        seen, at = set(), number
        while at in found:
            assert at not in seen, "they hold back one another"
            seen.add(at)
            at = found[at].source_id
        assert at in known


@given(rules, alarms)
def test_each_reason_is_one_that_the_rule_gives(rules, alarms):
    known = {each.id: each for each in alarms}
    for number, held in inhibited(rules, alarms).items():
        one, other = known[number], known[held.source_id]
        assert one is not other
        assert held.rule in rules
        same = (
            one.device_id == other.device_id if held.rule.scope == "device" else one.site == other.site != ""
        )
        assert same


@given(rules, alarms, st.randoms())
def test_the_order_in_which_alarms_are_read_does_not_matter(rules, alarms, random):
    shuffled = list(alarms)
    random.shuffle(shuffled)
    assert set(inhibited(rules, alarms)) == set(inhibited(rules, shuffled))


@given(rules, alarms)
def test_where_nothing_could_be_the_reason_nothing_is_held_back(rules, alarms):
    lonely = [each for each in alarms if each.attributes["specific_problem"] == ("A",)][:1]
    assert inhibited(rules, lonely) == {}
