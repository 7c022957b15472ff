"""The HeNB's STUN client under virtual time, against our server's rules and a NAT that forgets."""

from __future__ import annotations

import random

import pytest

from acs.cwmp import messages as m
from acs.cwmp import stun
from acs.cwmp.udp_request import UdpConnectionRequest, build_request
from acs.simulator.henb import HeNB
from acs.simulator.pace import LAB
from acs.simulator.stun import StunClient
from acs.southbound.stun.rules import judge

SERVER = "Device.ManagementServer."
OWN, LOCAL, HOST = ("203.0.113.1", 3478), ("10.0.0.1", 7547), "198.51.100.7"


class World:
    """A HeNB, a NAT whose mappings live ``lifetime`` seconds, and a server."""

    def __init__(self, *, lifetime: float = 1e9, longest: int = -1, nat: bool = True) -> None:
        self.now, self.lifetime, self.nat = 1000.0, lifetime, nat
        self.henb = HeNB(m.DeviceId("ACME", "0005B9", "HeNB", "A1"), "1.0.0", LAB)
        self.henb.power_on(self.now)
        self.henb.events.clear()
        settings = {
            "STUNEnable": "1",
            "STUNServerAddress": OWN[0],
            "STUNServerPort": str(OWN[1]),
            "STUNUsername": "0005B9-A1",
            "STUNPassword": "right",
            "STUNMinimumKeepAlivePeriod": "20",
            "STUNMaximumKeepAlivePeriod": str(longest),
            "ConnectionRequestUsername": "acs",
        }
        for name, value in settings.items():
            self.henb.tree.set(f"{SERVER}{name}", value)
        self.henb.connection_request_password = "secret"
        self.client = StunClient(self.henb, LOCAL, random.Random(1))
        self.known: dict[str, stun.Endpoint] = {}
        self.ports = {False: (40000, -1e9), True: (50000, -1e9)}
        self.verdicts: list[str] = []
        self.sent: list[tuple[float, bool]] = []
        self.lost = 0

    def _outside(self, secondary: bool) -> stun.Endpoint:
        if not self.nat:
            return LOCAL
        port, used = self.ports[secondary]
        if self.now - used > self.lifetime:
            port += 1
        self.ports[secondary] = (port, self.now)
        return HOST, port

    def _inside(self, to: stun.Endpoint) -> bool | None:
        """Which port of the device a datagram reaches, if its mapping lives."""
        if to == LOCAL:
            return False
        for secondary, (port, used) in self.ports.items():
            if to == (HOST, port) and self.now - used <= self.lifetime:
                return secondary
        return None

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            waiting = self.client.step(self.now)
            while waiting:
                each = waiting.pop(0)
                self.sent.append((self.now, each.secondary))
                if self.lost:
                    self.lost -= 1
                    continue
                found = judge(
                    each.data,
                    self._outside(each.secondary),
                    own=OWN,
                    password_of=lambda _: "right",
                    known=self.known.get,
                )
                self.verdicts.append(found.result)
                if found.device_key:
                    self.known[found.device_key] = self._outside(each.secondary)
                if found.answer and (secondary := self._inside(found.to)) is not None:
                    waiting += self.client.received(found.answer, self.now, secondary=secondary)
            self.now += max(0.05, min(self.client.next_wake(self.now), end - self.now))

    def value(self, name: str) -> str:
        return self.henb.tree.value(f"{SERVER}{name}")


def test_the_binding_is_found_proved_and_told():
    world = World()
    world.run(1)
    assert world.verdicts == ["error 401", "binding"]
    assert world.known == {"0005B9-A1": (HOST, 40001)}
    assert (world.value("UDPConnectionRequestAddress"), world.value("NATDetected")) == (f"{HOST}:40001", "1")
    assert {f"{SERVER}UDPConnectionRequestAddress", f"{SERVER}NATDetected"} <= set(world.henb.changed)
    assert [each.code for each in world.henb.events] == ["4 VALUE CHANGE"]


def test_without_a_nat_none_is_detected():
    world = World(nat=False)
    world.run(1)
    assert (world.value("UDPConnectionRequestAddress"), world.value("NATDetected")) == ("10.0.0.1:7547", "0")


def test_the_binding_is_kept_alive_and_a_new_one_noticed_at_the_next_message():
    world = World(lifetime=60)
    world.run(100)
    assert len(world.verdicts) > 2
    assert set(world.verdicts[2:]) == {"kept"}
    world.ports[False] = (45000, world.now)  # the NAT was restarted
    world.run(25)
    assert world.known == {"0005B9-A1": (HOST, 45000)}
    assert world.value("UDPConnectionRequestAddress") == f"{HOST}:45000"


@pytest.mark.parametrize(("lifetime", "low", "high"), [(65, 55, 65), (1e9, 280, 300), (21, 19, 22)])
def test_how_long_a_binding_lives_is_found_out(lifetime, low, high):
    world = World(lifetime=lifetime, longest=300)
    world.run(4000)
    assert low <= world.client.period <= high
    assert "reflected" in world.verdicts or lifetime == 21
    before = len(world.sent)
    world.run(1000)
    assert len(world.sent) - before <= 1000 / world.client.period + 2
    assert set(world.verdicts[-3:]) == {"kept"}


def test_a_lost_datagram_is_sent_again():
    world = World()
    world.lost = 3
    world.run(3)
    assert world.value("NATDetected") == "1"


def test_a_server_that_refuses_is_not_asked_without_end():
    world = World()
    world.henb.tree.set(f"{SERVER}STUNPassword", "wrong")
    world.run(100)
    assert world.client.refused["STUN 431"] <= 5
    assert world.value("NATDetected") == "0"


def test_switched_off_it_is_silent_and_its_address_its_own():
    world = World()
    world.run(1)
    world.henb.tree.set(f"{SERVER}STUNEnable", "0")
    sent = len(world.sent)
    world.run(100)
    assert len(world.sent) == sent
    assert (world.value("UDPConnectionRequestAddress"), world.value("NATDetected")) == ("10.0.0.1:7547", "0")


def call(
    world: World, *, password: str = "secret", username: str = "acs", ts: int = 5, id_: str = "1"
) -> None:
    request = UdpConnectionRequest(str(ts), id_, username, "cnonce")
    world.client.received(build_request((HOST, 1), request, password), world.now)


def events(world: World) -> list[str]:
    found = [each.code for each in world.henb.events]
    world.henb.events.clear()
    return found


def test_a_signed_request_is_obeyed_once():
    world = World()
    call(world)
    assert events(world) == ["6 CONNECTION REQUEST"]
    for _ in range(2):
        call(world)  # its copies
    call(world, ts=4, id_="2")
    assert events(world) == []
    assert world.client.refused == {"repeated": 3}
    call(world, ts=6)
    assert events(world) == ["6 CONNECTION REQUEST"]


def test_what_is_not_signed_for_this_device_is_not_obeyed():
    world = World()
    call(world, password="other")
    call(world, username="other")
    world.client.received(b"GET / HTTP/1.1\r\n\r\n", world.now)
    world.henb.connection_request_password = ""
    call(world, password="")
    assert events(world) == []
    assert world.client.refused == {"bad signature": 3, "no request": 1}


def test_a_binding_that_is_found_while_an_inform_is_under_way_is_told_by_the_next():
    world = World()
    world.client._forget()  # its address is told for the first time
    inform = world.henb.inform(world.now)
    world.run(1)
    world.henb.informed(inform)
    assert [each.code for each in world.henb.events] == ["4 VALUE CHANGE"]
    told = {each.name: each.value for each in world.henb.inform(world.now).parameters}
    assert told[f"{SERVER}NATDetected"] == "1"
    assert told[f"{SERVER}UDPConnectionRequestAddress"] == f"{HOST}:40001"
    world.henb.informed(world.henb.inform(world.now))
    assert (world.henb.events, world.henb.changed) == ([], {})
