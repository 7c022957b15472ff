"""A stand-in NMS behind Type 2, as a process of its own, told by a node that serves simulated HeNBs."""

from __future__ import annotations

import ssl
from collections import defaultdict

import aiohttp
import pytest
from sqlalchemy import select

from acs import alarms as al
from acs import devices as dev
from acs import remediation as rm
from acs import subscriptions as sub
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.node import Node
from acs.simulator import Fleet, Vendor
from acs.store.tables import audit, outbox
from tests.e2e.nms import FRAUD, Nms, running_nms
from tests.nodes import running_fleet, running_node
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
SCOPES = ("alarms:subscribe", "alarms:read", "cases:read", "cases:instruct", "devices:reach")


class Network:
    """A node, its HeNBs and its NMS."""

    def __init__(self, node: Node, fleet: Fleet, nms: Nms) -> None:
        self.node, self.fleet, self.nms = node, fleet, nms

    async def provision(self, *serials: str) -> None:
        for serial in serials:
            self.fleet.add(serial)
        self.fleet.power_on()

        async def ready() -> bool:
            found = await self.node.store.read(dev.listing)
            return len(found) == len(serials) and all(each.provisioned_for for each in found)

        await until(ready)

    async def raised(self, count: int) -> None:
        async def there() -> bool:
            return len(await self.node.store.read(al.list_alarms)) >= count

        await until(there)

    async def told(self) -> list[tuple[int, int, str]]:
        """Return what stands in the outbox: number, device, type."""
        query = select(outbox.c.id, outbox.c.device_id, outbox.c.notification_type).order_by(outbox.c.id)
        return [tuple(row) for row in await self.node.store.read(lambda conn: conn.execute(query).all())]

    async def delivered(self) -> None:
        """Wait until nothing is left to be told."""

        async def nothing_waits() -> bool:
            return all(each.waiting == 0 for each in await self.node.store.read(sub.backlogs))

        await until(nothing_waits)

    async def assert_same_story(self) -> None:
        """The NMS has each notification once, and those of a device in order."""
        lines: dict[int, list[int]] = defaultdict(list)
        line_of = {}
        for number, device_id, _ in await self.told():
            lines[device_id].append(number)
            line_of[number] = device_id
        heard: dict[int, list[int]] = defaultdict(list)
        for each in self.nms.kept():
            heard[line_of[each["notificationId"]]].append(each["notificationId"])
        assert heard == lines


@pytest.fixture
async def network(tmp_path):
    vendor = Vendor(tmp_path / "vendor")
    async with (
        running_node(tmp_path / "acs", vendor, northbound_port=0, delivery_longest_wait=0.2) as node,
        running_nms(node, tmp_path / "nms", SCOPES) as nms,
        running_fleet(node, vendor) as fleet,
    ):
        golden = [m.ParameterValue(*each) for each in golden_configuration("henb")]
        await node.store.write(dev.set_golden, "*", golden)
        yield Network(node, fleet, nms)


@pytest.mark.row("S1 L32.1")
@pytest.mark.row("S1 L36")
async def test_alarms_reach_the_managers_once_and_in_order_though_the_nms_is_killed(network):
    await network.provision("A1", "A2", "A3")
    network.fleet.tamper("A1", "case-opened")  # no immediate remediation (S1 L30)
    await network.raised(1)
    await network.delivered()
    [first] = [each for each in network.nms.kept() if each["notificationType"] == "notifyNewAlarm"]
    assert first["serviceProvider"] == "ManagedElement=0005B9-A1"
    assert first["additionalInformation"] == {"specificProblem": "CASE_OPENED"}
    assert first["href"].endswith("/v1/devices/0005B9-A1")
    assert first["eventTime"].endswith("Z")

    await network.nms.kill()
    network.fleet.tamper("A2", "configuration-modified")  # remote remediation (S1 L35)
    network.fleet.tamper("A3", "clock-modified")
    await network.raised(3)

    async def remediated() -> bool:
        found = await network.node.store.read(rm.list_cases, kind="remediation")
        return len(found) == 3 and all(each.state == "closed" for each in found)

    await until(remediated)  # nobody waits for a manager that is not there
    assert any(each.waiting for each in await network.node.store.read(sub.backlogs))
    await network.nms.start()
    await network.delivered()
    await network.assert_same_story()
    kinds = {each["notificationType"] for each in network.nms.kept()}
    assert {"notifyNewAlarm", "notifyClearedAlarm", "notifyComments"} <= kinds
    code, out, err = await network.nms.command("suspects", "--keep", str(network.nms.folder / "kept"))
    assert (code, err) == (0, "")
    assert sorted(line.split()[1] for line in out.splitlines()) == [
        f"ManagedElement=0005B9-{serial}" for serial in ("A1", "A2", "A3")
    ]


@pytest.mark.row("S1 L47.1")
async def test_a_fatal_breach_is_told_and_the_managers_instruct(network):
    await network.provision("A1")
    network.fleet.tamper("A1", "circuit-modified")
    await network.raised(1)

    async def waits() -> bool:
        found = await network.node.store.read(rm.list_cases, kind="remediation")
        return bool(found) and found[0].state == "waiting"

    await until(waits)
    await network.delivered()
    told = [each for each in network.nms.kept() if each["notificationType"] == "notifyNewAlarm"]
    assert [each["perceivedSeverity"] for each in told] == ["CRITICAL"]
    assert any("blocked" in each.get("commentText", "") for each in network.nms.kept())
    [case] = await network.node.store.read(rm.list_cases, kind="remediation")
    code, _, err = await network.nms.instruct(case.id, "CLOSE", "the HeNB is replaced")
    assert (code, err) == (0, "")
    await network.delivered()
    await network.assert_same_story()
    [closed] = await network.node.store.read(rm.list_cases, kind="remediation")
    assert closed.state == "closed"


@pytest.mark.row("S1 L72")
async def test_a_forced_management_request_is_made_by_the_manager_and_told_of(network):
    await network.provision("A1")
    ca = network.node.settings.data / "pki/server/ca.pem"
    tls = ssl.create_default_context(cafile=ca)
    headers = {"Authorization": f"Bearer {(network.nms.folder / 'token').read_text()}"}
    url = f"https://localhost:{network.node.northbound_port}/v1/devices/"
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=tls), headers=headers) as http:
        async with http.post("0005B9-A1/reach", json={"why": ""}) as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, "why")
        async with http.post("0005B9-A1/reach", json={"why": "the MME sees it, we do not"}) as answer:
            assert answer.status == 202, await answer.text()
            number = (await answer.json())["id"]

    async def closed() -> bool:
        found = await network.node.store.read(rm.find_case, number)
        return found.state == "closed"

    await until(closed)
    await network.delivered()
    assert number in {each.get("caseId") for each in network.nms.kept()}
    query = select(audit.c.who).where(audit.c.action == "forced management request")
    assert (await network.node.store.read(lambda conn: conn.execute(query).scalar())).startswith("nms@token-")


@pytest.mark.row("S1 L32.2")
async def test_the_fraud_detection_analyses_what_it_is_told_and_acts(network):
    fraud = Nms(network.node, network.nms.folder.with_name("fraud"), token=network.nms.token)
    await fraud.start(str(FRAUD), "--block-at", "3")
    try:
        await network.provision("A1", "A2")
        network.fleet.tamper("A2", "case-opened")  # minor: people decide
        network.fleet.tamper("A1", "configuration-modified", until="never")

        async def blocked() -> bool:
            found = await network.node.store.read(dev.find, "0005B9-A1")
            return found.admission == "blocked"

        await until(blocked)
        await network.delivered()
        assert (await network.node.store.read(dev.find, "0005B9-A2")).admission != "blocked"
        query = select(audit.c.who, audit.c.detail).where(audit.c.action == "case BLOCK")
        [told] = await network.node.store.read(lambda conn: conn.execute(query).all())
        assert told.who.startswith("nms@token-")
        assert told.detail == "fraud detection: CONFIG_MODIFIED, weight 3 within a day"
        await fraud.kill()
        await fraud.start(str(FRAUD), "--block-at", "3")  # it knows what it kept, and instructs nothing twice
        await network.delivered()
        assert len(await network.node.store.read(lambda conn: conn.execute(query).all())) == 1
    finally:
        await fraud.kill()
