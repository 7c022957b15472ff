"""The network paths of a HeNB are cut one by one, over real sockets with TLS; its case goes on (5.7.3.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs import devices as dev
from acs import distress as ds
from acs import remediation as rm
from acs.cli.trial import Trial
from acs.cwmp import messages as m
from acs.datamodel import golden_configuration
from acs.node import Node
from acs.security import Secrets
from acs.simulator import OUI, PRODUCT_CLASS, Fleet, Vendor, build_image, load_scenario
from acs.simulator.lines import WHOLE, Cut, Way, parse_cut
from tests.e2e.nms import Nms, running_nms
from tests.nodes import provisioned, running_fleet, running_node
from tests.releasing import release
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
SCENARIO = Path(__file__).parents[2] / "examples/scenarios/paths.yaml"
SERIAL = "A1"
KEY = f"{OUI}-{SERIAL}"
DROP = parse_cut("drop")
POLICY = """
extends: default
name: paths
timers: {session: 1, diagnostic: 10, reboot: 2, factory_reset: 3, download: 5, verify: 10, retry: 0.2}
evidence: {files: []}
distress: {standard_path: 1, second_path: 2.5}
"""


class Bench:
    """A node with its distress listener, a manager that is told, one HeNB whose paths are separate."""

    def __init__(self, node: Node, fleet: Fleet, nms: Nms) -> None:
        self.node, self.fleet, self.nms = node, fleet, nms

    async def start(self) -> None:
        node = self.node
        self.device = self.fleet.add(SERIAL)
        self.network = await self.fleet.separate_paths(SERIAL)
        secret = Secrets.load_or_create(node.settings.data).distress_key(KEY)
        url = f"https://localhost:{node.southbound.distress_port}/"
        ports = await self.fleet.listen_for_triggers(SERIAL, dict.fromkeys(ds.KINDS, url), secret)
        # It comes over the second path when it is triggered, and not of itself.
        self.device.henb.distress.silence_tries = self.device.henb.distress.alarm_tries = 1000
        self.fleet.power_on()

        await provisioned(node, KEY)

        def add(conn, now):
            device = dev.find(conn, KEY)
            for kind, port in ports.items():
                ds.add_path(conn, device, ds.Path(kind, f"127.0.0.1:{port}"), who="test", now=now)

        await node.store.write(add, node.store.clock())

    def cut(self, *names: str, what: Cut = DROP) -> None:
        for name in names:
            self.network.cut(name, what)

    async def case(self) -> rm.Case | None:
        found = await self.node.store.read(rm.list_cases, kind="remediation")
        return found[0] if found else None

    async def tamper(self, *cuts: str, name: str = "configuration-modified", until_: str = "factory_reset"):
        """Have an alarm come in over the standard path; from the end of that session on, these are cut."""
        talk = self.device._talk

        async def last(http) -> None:
            await talk(http)
            if await self.case() is not None:
                self.cut(*cuts)
                self.network.tried.clear()
                self.device._talk = talk

        self.device._talk = last
        self.fleet.tamper(SERIAL, name, until=until_)

    async def ended(self, *states: str) -> rm.Case:
        async def there() -> bool:
            case = await self.case()
            return case is not None and case.state in states

        await until(there)
        found = await self.case()
        assert found is not None
        return found

    async def triggers(self) -> list[tuple[str, str]]:
        from sqlalchemy import select

        from acs.store.tables import distress_triggers as table

        query = select(table.c.kind, table.c.result).order_by(table.c.id)
        return [tuple(row) for row in await self.node.store.read(lambda conn: conn.execute(query).all())]


@pytest.fixture
async def bench(tmp_path):
    vendor, image = Vendor(tmp_path / "vendor"), tmp_path / "image"
    given = {"northbound_port": 0, "distress_port": 0, "delivery_longest_wait": 0.2}
    async with (
        running_node(tmp_path / "acs", vendor, policy_text=POLICY, **given) as node,
        running_nms(node, tmp_path / "nms", ["alarms:subscribe", "alarms:read", "cases:instruct"]) as nms,
        running_fleet(node, vendor, timeout=1.5) as fleet,
    ):
        golden = [m.ParameterValue(*each) for each in golden_configuration("henb")]
        await node.store.write(dev.set_golden, "*", golden)
        image.write_bytes(build_image("2.0.0", PRODUCT_CLASS, vendor.image_key, size=1000))
        await release(node, vendor, image)
        made = Bench(node, fleet, nms)
        await made.start()
        yield made


@pytest.mark.row("S1 L62.4")
@pytest.mark.row("S1 L64.2")
@pytest.mark.row("S1 L70")
async def test_what_the_standard_path_does_not_carry_is_done_over_the_second(bench):
    await bench.tamper("standard")
    case = await bench.ended("closed", "waiting")
    assert (case.outcome, case.because) == ("REMEDIATED", "factory_reset over the second path, IPsec2")
    assert await bench.triggers() == [("IPsec2", "sent")]
    tried = list(bench.network.tried)
    assert set(tried) == {"standard", "IPsec2"}
    assert tried.index("standard") < tried.index("IPsec2")  # the standard path first, as ever
    assert bench.device.henb.tampers == []
    assert bench.fleet.failures() == []


@pytest.mark.row("S1 L62.2")
@pytest.mark.row("S1 L62.3")
async def test_where_only_connection_requests_are_blocked_a_trigger_brings_it_over_the_standard_path(bench):
    bench.cut("call", what=parse_cut("refuse"))
    bench.network.tried.clear()
    node = bench.node

    def reach(conn, now):
        device = dev.find(conn, KEY)
        return rm.reach(conn, device.id, who="anna@cli", why="not heard of", env=node.env, now=now).id

    number = await node.store.write(reach, node.store.clock())

    async def closed() -> bool:
        return (await node.store.read(rm.find_case, number)).state == "closed"

    await until(closed)
    case = await node.store.read(rm.find_case, number)
    assert (case.outcome, case.because) == ("REACHED", "over the standard path")
    assert set(bench.network.tried) == {"standard"}
    assert {kind for kind, _ in await bench.triggers()} == {"IPsec2"}


@pytest.mark.row("S1 L42.3")
@pytest.mark.row("S1 L54.3")
async def test_software_is_downloaded_though_the_standard_path_is_dead(bench):
    await bench.tamper("standard", "files", name="software-modified", until_="download")
    case = await bench.ended("closed", "waiting")
    assert case.outcome == "REMEDIATED", case.because
    assert bench.device.henb.banks.running == "2.0.0"
    assert bench.network.carried("files") == 0  # it came from where the session went to


@pytest.mark.row("S1 L54.6")
async def test_the_next_path_that_is_untried_is_taken_in_order(bench):
    """Triggers over the first distress channel arrive, sessions do not; nothing of the second arrives."""
    await bench.tamper("standard", "Internet")
    bench.network.cut("IPsec2", Cut(up=Way(drop=True)))
    case = await bench.ended("closed", "waiting")
    assert (case.outcome, case.because) == (
        "REMEDIATED",
        "factory_reset over the second path, AirInterface",  # though it was triggered over the first
    )
    tried = list(bench.network.tried)
    firsts = [name for number, name in enumerate(tried) if name not in tried[:number]]
    assert firsts == ["standard", "IPsec2", "Internet", "AirInterface"]


@pytest.mark.row("S1 L66.2")
async def test_when_all_is_cut_the_managers_are_told_and_a_retry_heals_it(bench):
    everything = ("standard", "files", *ds.KINDS)
    await bench.tamper(*everything)
    case = await bench.ended("closed", "waiting")
    assert (case.state, case.outcome) == ("waiting", "NO_COMMUNICATION")
    assert [kind for kind, _ in await bench.triggers()] == list(ds.KINDS)

    async def told() -> bool:
        return any(each.get("commentText") == "no communication possible" for each in bench.nms.kept())

    await until(told)
    assert bench.device.henb.tampers  # nothing was done
    for name in everything:
        bench.cut(name, what=WHOLE)
    bench.cut("standard")  # that one stays dead
    assert (await bench.nms.instruct(case.id, "RETRY", "the firewall was mended"))[0] == 0
    case = await bench.ended("closed")
    assert (case.outcome, case.because) == ("REMEDIATED", "factory_reset over the second path, IPsec2")


@pytest.mark.row("S1 L54.6")
async def test_a_scenario_gives_distress_channels_and_cuts_paths(tmp_path):
    trial = Trial(load_scenario(SCENARIO), tmp_path, policy=POLICY)
    try:
        await trial.start()
        trial.fleet.power_on()
        assert await trial.until(trial.provisioned, 60, lambda _: None) == 1
        await trial.give_distress_channels()
        trial.tamper()
        assert await trial.until(trial.decided, 60, lambda _: None) == 1
        (row,) = await trial.rows()
        assert row.ok, (row.problem, row.because)
        assert trial.fleet.failures() == []
    finally:
        await trial.stop()
