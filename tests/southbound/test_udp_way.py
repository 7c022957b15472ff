"""UDP connection requests as they leave (TR-069 G.2.2): where to, signed, in order, and when they can't."""

from __future__ import annotations

import pytest

from acs.cwmp.udp_request import RequestMemory, parse_request
from acs.southbound.connection_requests import Guard, Reason, Target, UdpWay

TARGET = Target("0005B9-1", "acs", "secret", udp_address="192.0.2.1:5000", binding="198.51.100.1:4000")


class Wire:
    """What was sent; addresses that begin with ``unreachable`` have no socket."""

    def __init__(self, unreachable: tuple[str, ...] = ()) -> None:
        self.sent: list = []
        self.unreachable = unreachable

    def send(self, data, to) -> bool:
        if to[0].startswith(self.unreachable or ("none",)):
            return False
        self.sent.append((parse_request(data), to))
        return True


def way(wire: Wire, clock=lambda: 1000.9) -> UdpWay:
    return UdpWay(Guard(), wire.send, clock, copies=(0.0, 0.0, 0.0))


async def test_three_copies_go_to_the_binding_and_to_the_address_that_it_reports():
    wire = Wire()
    assert (await way(wire).call(TARGET)).reason is Reason.SENT
    assert [to for _, to in wire.sent] == [("198.51.100.1", 4000), ("192.0.2.1", 5000)] * 3
    [request] = {each for each, _ in wire.sent}
    assert (request.ts, request.un, request.signed_with("secret")) == ("1000", "acs", True)


async def test_a_clock_that_was_set_back_is_not_heard_of():
    wire, clock = Wire(), iter((1000.0, 1000.0, 400.0, 1001.0))
    sends = way(wire, lambda: next(clock))
    memory = RequestMemory()
    for _ in range(4):
        assert (await sends.call(TARGET)).reason is Reason.SENT
        assert memory.accept(wire.sent[-1][0])
    requests = [each for each, _ in wire.sent[::6]]
    assert [each.ts for each in requests] == ["1000", "1000", "1000", "1001"]
    assert len({each.id for each in requests}) == 4


@pytest.mark.parametrize(
    ("unreachable", "reason", "text"),
    [
        (("192.",), Reason.SENT, ""),
        (("192.", "198."), Reason.UNAVAILABLE, "no socket to reach 198.51.100.1, 192.0.2.1 from; see"),
    ],
)
async def test_one_address_that_has_a_socket_is_enough(unreachable, reason, text):
    outcome = await way(Wire(unreachable)).call(TARGET)
    assert outcome.reason is reason
    assert text in outcome.text


async def test_a_mapped_address_is_called_as_the_ipv4_address_that_it_is():
    wire = Wire()
    await way(wire).call(Target("0005B9-1", "acs", "secret", udp_address="[::ffff:192.0.2.1]:5000"))
    assert {to for _, to in wire.sent} == {("192.0.2.1", 5000)}
