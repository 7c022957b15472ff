"""The REST that cuts the paths of a running fleet, and what `acs simulate --cut` says of a mistake."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from acs.errors import AcsError
from acs.simulator.control import Control, parse_timed_cut
from acs.simulator.lines import WHOLE, parse_cut
from acs.simulator.network import Network


@pytest.fixture
async def served(tmp_path):
    networks = {"A1": Network(), "A2": Network()}
    control = Control(networks, tmp_path / "control")
    await control.start()
    connector = aiohttp.UnixConnector(str(tmp_path / "control"))
    try:
        async with aiohttp.ClientSession("http://localhost", connector=connector) as http:
            yield networks, http
    finally:
        await control.stop()


async def put(http, where: str, body) -> tuple[int, dict]:
    async with http.put(f"/paths/{where}", json=body) as response:
        return response.status, await response.json()


async def test_paths_are_cut_and_healed_while_the_fleet_runs(served, tmp_path):
    networks, http = served
    assert (tmp_path / "control").stat().st_mode & 0o077 == 0
    assert await put(http, "A1/standard", "drop") == (200, {"cut": True})
    assert await put(http, "*/trigger%20IPsec2", {"up": {"loss": 0.5}}) == (200, {"cut": True})
    assert networks["A1"].lines.state(["standard"]) == parse_cut("drop")
    assert networks["A2"].lines.state(["trigger IPsec2"]).up.loss == 0.5
    async with http.get("/paths") as response:
        shown = await response.json()
    assert shown["A1"]["standard"]["down"]["drop"] is True
    assert list(shown["A2"]) == ["trigger IPsec2"]
    assert await put(http, "A1/standard", "whole") == (200, {"cut": False})
    assert networks["A1"].lines.state(["standard"]) == WHOLE


@pytest.mark.parametrize(
    ("where", "body", "message"),
    [
        ("A3/standard", "drop", "there is no HeNB 'A3'"),
        ("A1/ipsec", "drop", "the path 'ipsec' is unknown"),
        ("A1/standard", "cut", "the cut 'cut' is unknown"),
        ("A1/standard", {"up": 1}, "a cut can't be read"),
    ],
)
async def test_what_cannot_be_cut_is_told(served, where, body, message):
    _, http = served
    status, told = await put(http, where, body)
    assert status == 400
    assert message in told["error"]


async def test_a_body_that_is_no_json_is_told(served):
    _, http = served
    async with http.put("/paths/A1/standard", data=b"drop") as response:
        assert response.status == 400
    async with http.put("/paths/A1/standard", data=b" " * 5000) as response:
        assert response.status == 413


async def test_a_socket_that_cannot_be_made_is_told(tmp_path):
    control = Control({}, tmp_path / "no folder" / "control")
    with pytest.raises(AcsError, match="can't listen at"):
        await control.start()
    await control.stop()
    await asyncio.sleep(0)


def test_a_timed_cut_is_seconds_path_and_cut():
    assert parse_timed_cut("2.5:trigger IPsec2:refuse") == (2.5, "trigger IPsec2", parse_cut("refuse"))
    for text, message in (
        ("standard:drop", "it is SECONDS:PATH:CUT"),
        ("1:standard", "it is SECONDS:PATH:CUT"),
        ("-1:standard:drop", "it is SECONDS:PATH:CUT"),
        ("nan:standard:drop", "it is SECONDS:PATH:CUT"),
        ("1:ipsec:drop", "the path 'ipsec' is unknown"),
        ("1:standard:snip", "the cut 'snip' is unknown"),
    ):
        with pytest.raises(AcsError, match=message):
            parse_timed_cut(text)
