"""What stands in examples/ works."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from acs import devices as dev
from acs import remediation as rm
from acs.alarms.holding import NOTIFICATIONS
from acs.cwmp import decode
from acs.cwmp import messages as m
from acs.datamodel import Profiles, load_profiles
from acs.datamodel.examples import check_examples
from acs.datamodel.profiles import read_profile
from acs.declared import parse_layer
from acs.documents import read_yaml
from acs.observability import Metrics
from acs.remediation import load_policy
from acs.settings import Settings, load_settings
from acs.simulator import load_scenario
from tests.world import World

ROOT = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("policies/*.yaml")), ROOT / "network/policy.yaml"], ids=lambda path: path.name
)
def test_an_example_policy_is_right(path):
    assert load_policy(path).rules


@pytest.mark.parametrize("path", sorted(ROOT.glob("scenarios/*.yaml")), ids=lambda path: path.name)
def test_an_example_scenario_is_right(path):
    assert load_scenario(path).devices


def test_the_example_settings_are_right():
    assert load_settings(ROOT / "settings.toml", {}, {}).realm == "femto.example"


def test_the_example_settings_name_every_setting_with_a_value_that_is_right(tmp_path):
    text = re.sub(r"^# ", "", (ROOT / "settings.toml").read_text().partition("\n\n")[2], flags=re.MULTILINE)
    assert set(tomllib.loads(text)) == {field.name for field in msgspec.structs.fields(Settings)}
    (tmp_path / "all.toml").write_text(text)
    assert load_settings(tmp_path / "all.toml", {}, {}).stun_port == 3478


def test_the_example_inform_is_one():
    decoded = decode((ROOT / "interop/inform.xml").read_bytes())
    assert isinstance(decoded.message, m.Inform)
    assert (decoded.message.device_id.oui, decoded.message.device_id.serial_number) == ("00256D", "CPE1")
    assert len(decoded.message.parameters) == 2


def test_the_alerting_rules_ask_for_metrics_that_are_there():
    families = list(Metrics().registry.collect())
    known = {f"{each.name}_total" if each.type == "counter" else each.name for each in families}
    known |= {f"{each.name}_bucket" for each in families if each.type == "histogram"}
    rules = read_yaml((ROOT / "prometheus/alerts.yaml").read_text(), "alerts.yaml")["groups"][0]["rules"]
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "annotations"}
        assert set(re.findall(r"\b(?:acs|process)_\w+", rule["expr"])) <= known
        assert set(re.findall(r'\bkind="(\w+)"', rule["expr"])) <= set(NOTIFICATIONS)


def test_the_systemd_unit_starts_a_command_and_names_settings_that_are_there():
    unit = (ROOT / "systemd/femto-acs.service").read_text()
    assert re.findall(r"^ExecStart=.*/acs (.*)$", unit, re.MULTILINE) == ["serve"]
    named = {name.lower() for name in re.findall(r"^Environment=ACS_(\w+)=", unit, re.MULTILINE)}
    assert named - {"config"} <= {field.name for field in msgspec.structs.fields(Settings)}
    stop = float(re.findall(r"^TimeoutStopSec=(\d+)", unit, re.MULTILINE)[0])
    assert stop > Settings().drain_timeout + 10


@pytest.mark.parametrize("path", sorted(ROOT.glob("profiles/*.yaml")), ids=lambda path: path.name)
def test_an_example_profile_is_right(path):
    shipped = [each.file for each in load_profiles().all]
    profiles = Profiles([*shipped, read_profile(path)])
    assert check_examples(profiles.get(path.stem), profiles) == []


def test_the_example_of_declared_state_is_applied():
    folder = ROOT / "declared-state"
    world = World(golden=False)
    world.boot()
    with world.conn.begin():
        device = world.device
        for row in csv.DictReader((folder / "sites.csv").read_text().splitlines()):
            dev.set_site_values(world.conn, row.pop("site"), row)
        for name, scope in (("all.yaml", "*"), ("henb-lte.yaml", "class:HeNB-LTE")):
            layer = parse_layer((folder / name).read_text(), name)
            dev.set_layer(world.conn, scope, layer, who="test", now=world.now)
        dev.set_site(world.conn, device.id, "Main Street 1")
        dev.add_group(world.conn, device.id, "stadium")
        rm.apply_declared(world.conn, device.id, who="test", because="test", env=world.env, now=world.now)
    world.run(60)
    [case] = world.cases("configuration")
    assert (case.outcome, case.because[:2]) == ("CONFIGURED", "5 ")
    fap = "Device.Services.FAPService.1."
    told = {
        f"{fap}FAPControl.LTE.Gateway.S1SigLinkServerList": "mme1.epc.femto.example,mme2.epc.femto.example",
        f"{fap}AccessMgmt.LTE.MaxUEsServed": "32",
        f"{fap}CellConfig.LTE.RAN.NeighborList.LTECell.2.PhyCellID": "12",
        f"{fap}FAPControl.LTE.AdminState": "1",
    }
    assert {name: world.henb.tree.value(name) for name in told} == told
    assert world.look(dev.drift, world.device) == []
