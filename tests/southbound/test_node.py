"""A node: its first start, its management pages, its end."""

from __future__ import annotations

import json
import stat

import aiohttp
import pytest

from acs.errors import AcsError
from acs.node import Node
from acs.settings import load_settings
from tests.southbound.conftest import inform, make_bench
from tests.waiting import until


async def get(bench, path):
    url = f"http://127.0.0.1:{bench.node.management.port}{path}"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, await response.text()


async def test_the_first_start_makes_all_secrets_for_its_owner_alone(bench):
    data = bench.node.settings.data
    for name in ("master.key", "pki/server/ca.key", "pki/server.key", "node.json"):
        mode = stat.S_IMODE((data / name).stat().st_mode)
        assert mode == 0o600, name
    facts = json.loads((data / "node.json").read_text())
    assert facts["port"] == bench.node.southbound.port


async def test_metrics_tell_of_sessions_and_refusals(bench):
    async with bench.client() as http:
        await bench.post(http, inform())
    status, text = await get(bench, "/metrics")
    assert status == 200
    assert "acs_sessions_total 1.0" in text
    assert 'acs_posts_total{result="200"} 1.0' in text


async def test_health_and_readiness(bench):
    assert (await get(bench, "/healthz"))[0] == 200
    assert (await get(bench, "/readyz"))[0] == 200
    bench.node.management.ready = False
    assert (await get(bench, "/readyz"))[0] == 503


async def test_a_task_that_ended_is_told_by_healthz(bench):
    task = bench.node._tasks[0]
    task.cancel()
    import asyncio

    await asyncio.gather(task, return_exceptions=True)
    status, text = await get(bench, "/healthz")
    assert status == 500
    assert "remediation" in text


async def test_a_port_that_is_taken_is_a_clear_error(bench, tmp_path):
    port = bench.node.southbound.port
    values = {"data": tmp_path / "second", "host": "127.0.0.1", "port": port, "management_port": 0}
    node = Node(load_settings(None, values, {}))
    with pytest.raises(AcsError, match=rf"can't listen on 127.0.0.1:{port} \(setting port\)"):
        await node.start()


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path):
    from acs import devices as dev

    async for bench in make_bench(tmp_path):
        async with bench.client() as http:
            await bench.post(http, inform())
    async for bench in make_bench(tmp_path):
        assert await bench.node.store.read(dev.count) == 1


async def test_a_vendor_that_is_added_while_the_node_runs_is_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr("acs.southbound.listener._VENDOR_POLL", 0.05)
    async for bench in make_bench(tmp_path, device_ca=[]):
        async with bench.client() as http:
            with pytest.raises(aiohttp.ClientError):
                await bench.post(http, inform())
        folder = bench.node.settings.vendor_directory
        bench.vendor.trusted_in(folder)
        (folder / "broken.pem").write_text("no certificate")
        await until(lambda bench=bench: bench.node.southbound.endpoint.vendors.cas)
        async with bench.client() as http:
            assert (await bench.post(http, inform())).status == 200
