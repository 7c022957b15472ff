"""The table of connections: who has to go when there is no room, and whose time is over."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acs.southbound.connections import Bounds, Connection, Connections, Stage, Trust

SECONDS = {Stage.SILENT: 10.0, Stage.HEAD: 5.0, Stage.IDLE: 75.0}
HOLDER = object()


def table(total=6, strangers=3, per_address=2, per_device=2):
    return Connections(Bounds(total, strangers, per_address, per_device, SECONDS, handshakes=4))


def opened(connections, party="a", now=0.0, **fields):
    connection = Connection(party, HOLDER, **fields)
    return connection, connections.add(connection, now)


def device(connections, name, party="a", now=0.0):
    connection, _ = opened(connections, party, now)
    connections.enter(connection, Stage.IDLE, now)
    return connection, connections.trust(connection, name)


def test_the_oldest_silent_stranger_makes_room():
    connections = table()
    head, _ = opened(connections)
    connections.enter(head, Stage.HEAD, 0)
    first, _ = opened(connections, now=1)
    _, leaving = opened(connections, now=2)
    assert leaving is None
    _, leaving = opened(connections, now=3)
    assert leaving is first


def test_a_newcomer_from_where_a_device_has_come_before_stays_longer():
    connections = table()
    familiar, _ = opened(connections, trust=Trust.FAMILIAR)
    stranger, _ = opened(connections, now=1)
    opened(connections, now=1)
    _, leaving = opened(connections, now=2)
    assert leaving is stranger
    assert familiar in connections.everything()


def test_strangers_never_drive_devices_out():
    connections = table()
    mine = [device(connections, f"d{number}")[0] for number in range(3)]
    for now in range(100):
        _, leaving = opened(connections, now=now)
        if leaving is not None:
            connections.remove(leaving)
    assert len(connections) == 6
    assert set(mine) <= set(connections.everything())


def test_devices_make_room_for_devices_and_those_at_work_are_spared():
    connections = table()
    busy, _ = device(connections, "d0")
    connections.enter(busy, Stage.SERVING, 0)
    idle, _ = device(connections, "d1", now=1)
    for number in range(2, 6):
        device(connections, f"d{number}", now=2)
    _, leaving = opened(connections, now=3)
    assert leaving is idle


def test_a_device_has_few_connections_and_the_oldest_goes():
    connections = table()
    first, _ = device(connections, "d")
    device(connections, "d")
    _, leaving = device(connections, "d")
    assert leaving is first


def test_an_address_has_few_connections_until_devices_prove_themselves_there():
    connections = table()
    one, _ = opened(connections, "a")
    opened(connections, "a")
    assert connections.full_for("a")
    assert not connections.full_for("b")
    connections.trust(one, "d")
    assert not connections.full_for("a")
    opened(connections, "a", unlimited=True)
    assert not connections.full_for("a")


def test_each_stage_has_its_time():
    connections = table()
    silent, _ = opened(connections)
    head, _ = opened(connections, "b", now=0)
    connections.enter(head, Stage.HEAD, 4)
    assert connections.overdue(8.9) == []
    assert connections.overdue(9) == [head]
    assert connections.overdue(10) == [silent, head]
    assert connections.overdue(10, limit=1) == [silent]
    connections.enter(head, Stage.SERVING, 10)
    connections.remove(silent)
    assert connections.overdue(10**6) == []


def test_what_is_gone_stays_gone():
    connections = table()
    one, _ = opened(connections)
    connections.remove(one)
    connections.remove(one)
    connections.enter(one, Stage.HEAD, 1)
    assert connections.trust(one, "d") is None
    assert (len(connections), connections.strangers, connections.everything()) == (0, 0, [])


def handshaking(connections, party, now, **fields):
    made, _ = opened(connections, party, now, **fields)
    connections.enter(made, Stage.HANDSHAKE, now)
    return made


def test_handshakes_of_strangers_are_a_quarter_and_do_not_fill_the_room_of_others():
    connections = Connections(Bounds(100, 100, 100, 8, SECONDS, handshakes=8))
    first = handshaking(connections, "a", 0)
    handshaking(connections, "b", 0, unlimited=True)
    assert not connections.handshakes_full(strangers=True)
    handshaking(connections, "b", 0)
    assert connections.handshakes_full(strangers=True)
    assert not connections.handshakes_full(strangers=False)
    connections.enter(first, Stage.FRESH, 1)
    assert not connections.handshakes_full(strangers=True)
    familiar = [handshaking(connections, "c", 0, trust=Trust.FAMILIAR) for _ in range(8)]
    assert connections.handshakes_full(strangers=False)
    connections.remove(familiar[0])
    assert not connections.handshakes_full(strangers=False)


def test_the_slowest_handshake_of_the_address_with_most_makes_room():
    connections = Connections(Bounds(100, 100, 100, 8, SECONDS, handshakes=8))
    handshaking(connections, "alone", 0)
    greedy = [handshaking(connections, "greedy", now) for now in (1, 2, 9)]
    assert connections.slowest_handshake(5, strangers=True) is greedy[0]
    connections.remove(greedy[0])
    connections.remove(greedy[1])
    assert connections.slowest_handshake(0, strangers=True) is None


class Machine(RuleBasedStateMachine):
    """Whatever happens, in whatever order: the bounds hold and the counts are those of what is there."""

    def __init__(self):
        super().__init__()
        self.table, self.now, self.all = table(), 0.0, []

    def end(self, leaving):
        if leaving is not None:
            self.table.remove(leaving)
            self.all.remove(leaving)

    @rule(party=st.sampled_from("abc"), unlimited=st.booleans(), familiar=st.booleans())
    def arrives(self, party, unlimited, familiar):
        self.now += 1
        trust = Trust.FAMILIAR if familiar else Trust.STRANGER
        made, leaving = opened(self.table, party, self.now, unlimited=unlimited, trust=trust)
        self.all.append(made)
        self.end(leaving)

    @precondition(lambda self: self.all)
    @rule(data=st.data(), stage=st.sampled_from(Stage))
    def moves(self, data, stage):
        self.table.enter(data.draw(st.sampled_from(self.all)), stage, self.now)

    @precondition(lambda self: self.all)
    @rule(data=st.data(), name=st.sampled_from(["d1", "d2", "d3"]))
    def proves(self, data, name):
        self.end(self.table.trust(data.draw(st.sampled_from(self.all)), name))

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def leaves(self, data):
        self.end(data.draw(st.sampled_from(self.all)))

    @invariant()
    def bounds_hold(self):
        assert set(self.table.everything()) == set(self.all)
        assert len(self.table) == len(self.all) <= 6
        strangers = [each for each in self.all if each.trust is not Trust.DEVICE]
        assert self.table.strangers == len(strangers) <= 3
        for unknown in (True, False):
            at_it = [
                each
                for each in self.all
                if each.stage is Stage.HANDSHAKE
                and not each.unlimited
                and (each.trust is Trust.STRANGER) is unknown
            ]
            assert self.table.handshakes_full(strangers=unknown) is (len(at_it) >= (1 if unknown else 4))
        for party in "abc":
            limited = [each for each in strangers if each.party == party and not each.unlimited]
            assert self.table.full_for(party) is (len(limited) >= 2)
        for name in ("d1", "d2", "d3"):
            assert sum(each.device == name for each in self.all) <= 2


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, deadline=None)
