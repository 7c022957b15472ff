"""From a fatal alarm to a device that nobody lets in, and back: everything on real sockets."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from sqlalchemy import select

from acs import devices as dev
from acs import measures as ms
from acs import northbound as nb
from acs import remediation as rm
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.node import Node
from acs.security import Sealer, Secrets
from acs.simulator import Fleet, Vendor
from acs.simulator.operator_network import OperatorNetwork, SightingReporter
from acs.simulator.stages import Stage
from acs.store.tables import sightings
from tests.measures.standins import make_known
from tests.nodes import running_fleet, running_node
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
POLICY = """
extends: default
name: network
evidence: {files: []}
measures:
  rules:
    - when: [FATAL, BLOCK]
      measures: [SEGW_BLOCK, GATEWAY_BLOCK, SUBSCRIBER_REPLACE]
      because: whoever holds it must reach neither the network nor its management
"""
SCOPES = ["alarms:subscribe", "cases:instruct", "measures:read", "measures:write", "sightings:write"]
A1 = "a1.0005b9.henb.femto.example"


class Operator:
    """A node, its network, its HeNBs, and the tokens of two persons."""

    def __init__(self, node: Node, network: OperatorNetwork, fleet: Fleet) -> None:
        self.node, self.network, self.fleet = node, network, fleet
        self.tokens: dict[str, str] = {}

    @property
    def ca(self):
        return self.node.settings.data / "pki/server/ca.pem"

    async def ready(self) -> None:
        store, data = self.node.store, self.node.settings.data
        sealer = Sealer(Secrets.load_or_create(data).store_key)
        await make_known(store, self.network, sealer)

        def prepare(conn, now):
            dev.set_golden(conn, "*", [m.ParameterValue(*each) for each in golden_configuration("henb")])
            for person in ("ann", "bob"):
                made = nb.create_token(conn, person, SCOPES, expires_at=now + 1000, who="test", now=now)
                self.tokens[person] = made[1]

        await store.write(prepare, store.clock())
        for serial in ("A1", "A2"):
            self.fleet.add(serial)
            self.fleet.attach(serial, ("localhost", self.network.segw.port), self.network.ca_path)
        self.fleet.power_on()

        async def provisioned() -> bool:
            found = await store.read(dev.listing)
            attached = all(each.s1 for each in self.fleet.attachments.values())
            return attached and len(found) == 2 and all(each.provisioned_for for each in found)

        await until(provisioned)

    async def ask(self, who: str, method: str, path: str, body=None):
        tls = ssl.create_default_context(cafile=self.ca)
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        url = f"https://localhost:{self.node.northbound_port}{path}"
        connector = aiohttp.TCPConnector(ssl=tls)
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as http,
            http.request(method, url, json=body) as answer,
        ):
            return answer.status, await answer.json()

    async def cases(self) -> list[rm.Case]:
        return (await self.node.store.read(rm.list_cases, kind="remediation"))[::-1]

    async def measures(self) -> set[tuple[str, str]]:
        found = await self.node.store.read(ms.list_measures)
        return {(ms.operation_of(each.measure, each.action), each.state) for each in found}


@pytest.fixture
async def operator(tmp_path):
    vendor = Vendor(tmp_path / "vendor")
    given = {
        "northbound_port": 0,
        "measure_networks": ["127.0.0.0/8", "::1/128"],
        "delivery_longest_wait": 0.2,
    }
    async with running_node(tmp_path / "acs", vendor, policy_text=POLICY, **given) as node:
        network = OperatorNetwork(tmp_path / "network", vendor.ca_path)
        await network.start()
        try:
            async with running_fleet(node, vendor) as fleet:
                made = Operator(node, network, fleet)
                await made.ready()
                yield made
        finally:
            await network.stop()


@pytest.mark.row("S1 L9")
@pytest.mark.row("S1 L46.1")
@pytest.mark.row("S1 L47.1")
@pytest.mark.row("S1 L88.1")
@pytest.mark.row("S1 L90")
@pytest.mark.row("S1 L92")
@pytest.mark.row("S1 L94")
async def test_a_fatal_breach_shuts_a_device_out_everywhere_until_two_persons_let_it_in(operator: Operator):
    network, fleet = operator.network, operator.fleet
    henb, attached = fleet.devices["A1"].henb, fleet.attachments["A1"]
    assert {A1, "a2.0005b9.henb.femto.example"} == set(network.segw.tunnels)

    fleet.tamper("A1", "circuit-modified")

    async def shut_out() -> bool:
        wanted = {("blockListAdd", "done"), ("block", "done"), ("replace", "done")}
        return await operator.measures() == wanted and henb.stage == Stage.SHUT_DOWN

    await until(shut_out)
    [case] = await operator.cases()
    assert (case.procedure, case.state, case.outcome) == ("P3", "waiting", "BLOCKED")
    assert [each.device_key for each in network.subscribers.letters] == ["0005B9-A1"]
    assert not attached.s1
    assert "0005B9-A2" in network.gateway.connected

    # Somebody switches it on again as it is: refused by SeGW and HeMS; without the SeGW, by the HeNB-GW.
    failed = fleet.statistics.failed
    fleet.power_on(["A1"], first=False)

    async def refused() -> bool:
        return (
            attached.refused.startswith("no tunnel: on the black list") and fleet.statistics.failed > failed
        )

    await until(refused)
    assert any("403" in each for each in fleet.statistics.errors)
    kept = network.segw.lists.blocked.pop(A1)

    async def refused_by_gateway() -> bool:
        return attached.refused.startswith("no S1: on the black list")

    await until(refused_by_gateway)
    network.segw.lists.blocked[A1] = kept
    henb.shut_down()

    # It is repaired, and two persons let it in.
    path = "/v1/devices/0005B9-A1/unblock"
    status, told = await operator.ask("ann", "POST", path, {"why": "the board was changed"})
    assert (status, told["second_approval_needed"], told["admission"]) == (200, True, "blocked")
    status, told = await operator.ask("ann", "POST", path, {"why": "again"})
    assert (status, "second person" in told["detail"]) == (409, True)
    assert A1 in network.segw.lists.blocked
    status, told = await operator.ask("bob", "POST", path, {"why": "I saw it"})
    assert (status, told["second_approval_needed"], told["admission"]) == (200, False, "allowed")
    henb.repair()
    fleet.power_on(["A1"], first=False)

    async def back() -> bool:
        done = (await operator.cases())[-1]
        return (done.procedure, done.outcome) == ("READMIT", "READMITTED") and attached.s1

    await until(back)
    assert not network.segw.lists.blocked
    assert not network.gateway.lists.blocked
    assert [each.operation for each in network.subscribers.letters] == ["replace", "withdraw"]
    assert henb.executed[-1].method == "FactoryReset"
    entries = await operator.node.store.read(rm.timeline, case.id)
    assert [each.what for each in entries if each.kind == "measure"] == [
        *("blockListAdd at segw", "block at henb-gw", "replace at subscribers"),
        *("blockListRemove at segw", "unblock at henb-gw", "withdraw at subscribers"),
    ]


@pytest.mark.row("S1 L88.1")
async def test_a_device_that_is_blocked_over_rest_is_shut_out_by_the_network_too(operator: Operator):
    path, body = "/v1/devices/0005B9-A2/block", {"why": "stolen"}
    status, told = await operator.ask("ann", "POST", path, body | {"measures": ["SEGW_REMOVE"]})
    assert (status, told["admission"]) == (200, "blocked")
    assert {each["measure"] for each in told["measures"]} == {
        *("SEGW_BLOCK", "GATEWAY_BLOCK", "SUBSCRIBER_REPLACE", "SEGW_REMOVE"),
    }

    async def out() -> bool:
        return operator.fleet.attachments["A2"].refused.startswith("no tunnel")

    await until(out)
    status, told = await operator.ask("ann", "POST", path, body | {"measures": ["OTHER"]})
    assert (status, "no system carries out OTHER" in told["detail"]) == (409, True)


@pytest.mark.row("S1 L88.1")
async def test_an_operator_takes_a_measure_and_undoes_it_with_another(operator: Operator):
    attached = operator.fleet.attachments["A2"]
    path = "/v1/devices/0005B9-A2/measures"
    status, told = await operator.ask("ann", "POST", path, {"measures": ["SEGW_REMOVE"], "why": "stolen"})
    assert (status, [each["operation"] for each in told["items"]]) == (202, ["allowListRemove"])

    async def out() -> bool:
        return attached.refused == "no tunnel: not on the white list"

    await until(out)
    status, told = await operator.ask("ann", "GET", "/v1/measures?device=0005B9-A2")
    assert [(each["state"], each["who"].partition("@")[0]) for each in told["items"]] == [("done", "ann")]
    for who, needed in (("ann", True), ("bob", False)):
        status, told = await operator.ask(who, "POST", f"{path}/undo", {"why": "found"})
        assert (status, told["second_approval_needed"]) == (202, needed)

    async def in_again() -> bool:
        return attached.s1

    await until(in_again)
    status, told = await operator.ask("ann", "POST", path, {"measures": ["OTHER"], "why": "x"})
    assert (status, "no system carries out OTHER" in told["detail"]) == (409, True)


@pytest.mark.row("S1 L72")
async def test_the_henb_gw_tells_whom_it_sees_connected(operator: Operator):
    url = f"https://localhost:{operator.node.northbound_port}"
    reporter = SightingReporter(operator.network.gateway, url, operator.tokens["ann"], operator.ca)
    await reporter.report()
    rows = await operator.node.store.read(
        lambda conn: conn.execute(select(sightings.c.source)).scalars().all()
    )
    assert rows == ["henb-gw", "henb-gw"]
