"""``acs measures`` and ``acs simulate network``."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from acs.simulator import Vendor
from acs.simulator.operator_configuration import load_network
from acs.simulator.operator_network import OperatorNetwork

KEY = "0005B9-0005B9423901"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def known(acs, data, tmp_path):
    """Two systems that the HeMS knows; return how to call ``acs measures`` about them."""
    network = OperatorNetwork(tmp_path / "network", Vendor(tmp_path / "vendor").ca_path)

    def measures(*arguments: object):
        return acs("measures", *arguments, "--data", data)

    options = ("--ca", network.ca_path, "--client-certificate", network.client_path, "--json")
    for name, system in (("segw-1", "segw"), ("segw-2", "SEGW"), ("desk", "SUBSCRIBER")):
        told = measures("targets", "add", name, system, f"https://{name}.example/x", *options).json
        assert told["secret"].startswith("whsec_")
    return measures


def test_measures_are_asked_for_listed_and_undone_by_another_person(known, monkeypatch):
    sent = known("send", KEY, "SEGW_BLOCK", "--because", "stolen")
    assert sent.text == "measure 1: blockListAdd at segw-1 measure 2: blockListAdd at segw-2"
    assert known("send", KEY, "SEGW_BLOCK", "--because", "stolen").text.startswith("nothing to ask for")
    [second, first] = known("list", "--json").json
    assert (first["target"], second["target"], first["state"]) == ("segw-1", "segw-2", "waiting")
    assert first["who"].endswith("@cli")
    assert "blockListAdd" in known("list", "--device", KEY, "--in-force").out
    assert known("list", "--state", "dead", "--json").json == []
    assert "a second person" in known("undo", KEY, "--because", "found").text
    assert "not" in known("undo", KEY, "--because", "found").text
    monkeypatch.setattr("acs.cli.measures.who", lambda: "bob@cli")
    undone = known("undo", KEY, "--because", "found").text
    assert undone == "measure 3: blockListRemove at segw-1 measure 4: blockListRemove at segw-2"
    assert known("list", "--device", KEY, "--in-force", "--json").json == []


def test_a_block_asks_for_measures_and_its_end_undoes_them(known, acs, data, monkeypatch):
    block = ("devices", "block", KEY, "--because", "stolen", "--data", data, "--measure")
    told = acs(*block, "SUBSCRIBER_REPLACE")
    assert told.text == f"{KEY} is blocked; asked for: SUBSCRIBER_REPLACE at desk"
    assert "a second person" in acs("devices", "unblock", KEY, "--because", "found", "--data", data).text
    monkeypatch.setattr("acs.cli.devices.who", lambda: "bob@cli")
    assert acs("devices", "unblock", KEY, "--because", "found", "--data", data).text == f"{KEY} is allowed"
    assert known("list", "--device", KEY, "--in-force", "--json").json == []
    told = acs(*block, "OTHER")
    assert (told.code, "no system carries out OTHER" in told.text) == (2, True)


def test_what_was_given_up_is_sent_again(known, data):
    assert known("send", KEY, "SUBSCRIBER_REPLACE", "--because", "broken").code == 0
    assert "is waiting; only what was given up" in known("retry", 1).text
    with closing(sqlite3.connect(data / "acs.db")) as conn:
        conn.execute("UPDATE measures SET state = 'dead', error = 'answered 422'")
        conn.commit()
    assert "answered 422" in known("list", "--state", "dead").out
    assert known("retry", 1).text == "measure 1 is sent to desk again"


def test_systems_are_listed_without_their_secrets_and_removed(known):
    shown = known("targets", "list", "--json")
    assert [each["name"] for each in shown.json] == ["desk", "segw-1", "segw-2"]
    assert "whsec" not in shown.out
    assert "PRIVATE" not in shown.out
    assert "https://desk.example/x" in known("targets", "list").out
    assert known("targets", "remove", "desk").code == 0
    assert "there is no system 'desk'" in known("targets", "remove", "desk").text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("send", "X", "OTHER", "--because", "y"), "there is no device 'X'"),
        (("send", KEY, "OTHER", "--because", "y"), "no system carries out OTHER"),
        (("send", KEY, "SEGW", "--because", "y"), "'SEGW' is no measure"),
        (("send", KEY, "SEGW_BLOCK", "--because", " "), "needs a reason"),
        (("undo", KEY, "--because", "y"), "no such measure is in force"),
        (("list", "--state", "new"), "--state 'new' is unknown"),
        (("list", "--in-force"), "--in-force needs --device"),
        (("retry", 99), "there is no measure 99"),
        (("targets", "add", "segw-1", "SEGW", "https://x.example"), "a system segw-1 already"),
        (("targets", "add", "x", "SEGW", "http://x.example"), "begins with https://"),
    ],
)
def test_a_mistake_is_one_sentence(known, arguments, why):
    done = known(*arguments)
    assert (done.code, why in done.text) == (2, True), done.text


def test_the_kinds_are_listed(acs):
    assert {each["measure"]: each["system"] for each in acs("measures", "kinds", "--json").json} == {
        "SEGW_BLOCK": "SEGW",
        "SEGW_REMOVE": "SEGW",
        "GATEWAY_BLOCK": "GATEWAY",
        "SUBSCRIBER_REPLACE": "SUBSCRIBER",
        "OTHER": "OTHER",
    }
    assert "white list" in acs("measures", "kinds").out


async def test_the_network_runs_makes_itself_known_and_ends_with_0(data, tmp_path):
    configuration = tmp_path / "network.yaml"
    configuration.write_text("segw: {allow: [A1.example], block: {a2.example: stolen}}\n")
    command = [sys.executable, "-m", "acs", "simulate", "network", "--enrol", "--data", str(data)]
    options = ["--directory", str(tmp_path / "net"), "--vendor", str(tmp_path / "vendor")]
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        *("--configuration", str(configuration)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode() for _ in range(4)]
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    assert lines[0].startswith("SeGW at localhost:")
    facts = json.loads((tmp_path / "net/network.json").read_text())
    with closing(sqlite3.connect(data / "acs.db")) as conn:
        rows = dict(conn.execute("SELECT name, url FROM measure_targets").fetchall())
    assert rows == facts["measures"]
    for name in rows:
        secret = tmp_path / "net" / f"{name}.secret"
        assert secret.read_text().startswith("whsec_")
        assert secret.stat().st_mode & 0o077 == 0


def test_the_policy_explains_what_the_network_would_be_asked_for(acs):
    policy = ("--policy", ROOT / "examples/network/policy.yaml")
    alarm = ("Physical Violation", "Intrusion Detection")
    told = acs("policy", "explain", *alarm, "Critical", *policy).text
    assert "on FATAL, SEGW_BLOCK: a device that" in told
    assert "NO_COMMUNICATION" not in told
    found = acs("policy", "explain", *alarm, "Minor", *policy, "--json").json["measures"]
    assert list(found["NO_COMMUNICATION"]) == ["GATEWAY_BLOCK"]
    assert acs("policy", "explain", *alarm, "Warning", *policy, "--json").json["measures"] == {}


def test_the_example_of_a_network_is_right():
    found = load_network(ROOT / "examples/network/network.yaml")
    assert (found.measure_port, found.tunnel_port) == (8450, 8451)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("segwe: {}", "segwe"),
        ("measure_port: 70000", "a port is 0 to 65535"),
        ("sightings: {url: x, token_file: y, ca: z, every: 0}", "a positive number is needed"),
        ("- x", "network.yaml"),
        ("a: [", "network.yaml"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(acs, tmp_path, text, why):
    path = tmp_path / "network.yaml"
    path.write_text(text)
    done = acs("simulate", "network", "--configuration", path)
    assert (done.code, why in done.text) == (2, True), done.text


def test_a_fleet_says_when_no_network_runs(acs, tmp_path):
    done = acs("simulate", "--url", "http://127.0.0.1:9/acs", "--network", tmp_path)
    assert (done.code, "no network runs from" in done.text) == (2, True)
