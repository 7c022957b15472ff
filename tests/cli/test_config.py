"""``acs config`` and ``acs devices tag``."""

import io
import json
import shutil
from pathlib import Path

import pytest

from tests.world import SERIAL

KEY = f"0005B9-{SERIAL}"
PCI = "Device.Services.FAPService.1.CellConfig.LTE.RAN.RF.PhyCellID"


@pytest.fixture
def data(filled, tmp_path):
    """A copy of the filled data directory in which nothing is declared for all devices any more."""
    return Path(shutil.copytree(filled, tmp_path / "data"))


@pytest.fixture
def config(acs, data):
    """Call ``acs config`` on the data."""

    def call(*arguments):
        return acs("config", *arguments, "--data", data)

    assert call("set", "-", "--scope", "*").code == 0
    return call


def layer(tmp_path, text: str) -> Path:
    path = tmp_path / "layer.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_set_show_and_history(config, tmp_path):
    path = layer(tmp_path, "values: { cell.pci: '7' }")
    done = config("set", path, "--scope", "class:HeNB-LTE", "--because", "test")
    assert done.text == "class:HeNB-LTE: 1 values and rows are declared, version 1"
    assert [each["scope"] for each in config("show", "--json").json] == ["class:HeNB-LTE"]
    assert config("show", "class:HeNB-LTE").json == {"values": {"cell.pci": {"value": "7"}}}
    assert "class:HeNB-LTE" in config("show").text
    [value] = config("show", KEY, "--json").json["values"]
    assert (value["path"], value["value"], value["layer"]) == (PCI, "7", "class:HeNB-LTE")
    assert PCI in config("show", KEY).text
    newest = config("history", "--json").json[0]
    assert (newest["scope"], newest["why"]) == ("class:HeNB-LTE", "test")
    assert "version" in config("history", "class:HeNB-LTE").text


def test_a_plan_shows_each_rpc_with_its_reason_and_says_so_by_its_exit_code(config, tmp_path):
    text = "values: { cell.pci: '7', cell.admin_state: false, software.version: '1' }"
    assert config("set", layer(tmp_path, text)).code == 0
    refused = config("plan", KEY)
    assert refused.code == 2
    assert "can't be written (fault 9008)" in refused.text
    assert config("set", layer(tmp_path, text.replace(", software.version: '1'", ""))).code == 0
    shown = config("plan", KEY)
    assert shown.code == 1
    for word in ("SetParameterValues", "cell.pci in *", "101", PCI):
        assert word in shown.out
    assert config("verify", KEY).code == 1
    assert config("set", layer(tmp_path, "values: { cell.pci: '101' }")).code == 0
    assert "nothing would be sent" in config("plan", KEY).text
    assert config("verify", KEY).text == f"{KEY} is as it is declared"
    assert config("verify", KEY, "--json").json["deviations"] == []


def test_apply_opens_a_case_where_none_is_open(config, acs, data, tmp_path):
    config("set", layer(tmp_path, "values: { cell.pci: '7' }"))
    waiting = config("apply", KEY, "--because", "test")  # the device is blocked, and a case waits
    assert waiting.text == f"{KEY}: asked for; it waits for the device or for another case"
    assert config("apply", "0005B9-never", "--because", "test").code == 0
    refused = config("apply", "nobody", "--because", "test")
    assert (refused.code, "there is no device 'nobody'" in refused.text) == (2, True)


def test_many_devices_are_planned_verified_and_configured_by_their_scope(config, acs, data, tmp_path):
    config("set", layer(tmp_path, "values: { cell.pci: '7' }"))
    assert acs("devices", "tag", KEY, "--group", "pilot", "--site", "Roof", "--data", data).code == 0
    everyone = [each["device_key"] for each in acs("devices", "list", "--json", "--data", data).json]
    for scope in ("group:pilot", "site:Roof", f"device:{KEY}"):
        planned = config("plan", "--scope", scope, "--json")
        assert [each["device"] for each in json.loads(planned.out)] == [KEY]
        assert planned.code == 1
    assert len(json.loads(config("plan", "--scope", "class:HeNB-LTE", "--json").out)) == 1
    shown = config("plan", "--scope", "*")
    assert "PhyCellID" in shown.text
    assert (
        f"{len(everyone)} devices: 0 as declared, {len(everyone)} to be sent to, 0 with problems"
        in shown.text
    )
    assert config("verify", "--scope", "*").code == 1
    [deviating] = json.loads(config("verify", "--scope", "group:pilot", "--json").out)
    assert [each["path"] for each in deviating["deviations"]] == [PCI]
    config("set", layer(tmp_path, "values: { cell.pci: '{{ site.pci }}' }"))
    wrong = config("plan", "--scope", "group:pilot")
    assert wrong.code == 2
    assert "the site Roof has no 'pci'" in wrong.text
    asked = config("apply", "--scope", "group:pilot", "--because", "test")
    assert asked.text == f"{KEY}: asked for; it waits for the device or for another case"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "name a device, or many with --scope"),
        ((KEY, "--scope", "*"), "name a device, or many with --scope"),
        (("--scope", "group:none"), "no device is in the scope 'group:none'"),
        (("--scope", "shelf:3"), "the scope 'shelf:3' is none"),
    ],
)
def test_who_is_meant_has_to_be_said_in_one_way(config, given, said):
    for command in (("plan",), ("verify",), ("apply", "--because", "test")):
        refused = config(*command, *given)
        assert refused.code == 2
        assert said in refused.text
    assert "--read asks one device" in config("plan", "--scope", "*", "--read").text


def test_groups_sites_and_their_values(config, acs, data, tmp_path):
    tags = ("--group", "pilot", "--group", "x", "--site", "Main St")
    assert acs("devices", "tag", KEY, *tags, "--data", data).code == 0
    told = acs("devices", "tag", KEY, "--no-group", "x", "--json", "--data", data).json
    assert told == {"groups": ["pilot"], "site": "Main St"}
    assert config("site", "Main St", "region=north", "pci=9").text == "1 sites are set"
    config("set", layer(tmp_path, "values: { cell.pci: '{{ site.pci }}' }"), "--scope", "group:pilot")
    [value] = config("show", KEY, "--json").json["values"]
    assert (value["value"], value["layer"]) == ("9", "group:pilot")
    table = tmp_path / "sites.csv"
    table.write_text("site,region,pci\nMain St,south,10\nOther,,11\n", encoding="utf-8")
    assert config("site", "-", "--csv", table).text == "2 sites are set"
    sites = {"Main St": {"region": "south", "pci": "10"}, "Other": {"pci": "11"}}
    assert config("sites", "--json").json == sites
    assert "south" in config("sites").text


def test_many_devices_are_tagged_by_a_table(acs, data, tmp_path):
    table = tmp_path / "devices.csv"
    table.write_text(f"device,site,groups\n{KEY},Roof,pilot; north\n0005B9-never,,pilot\n", encoding="utf-8")
    assert acs("devices", "tag", "-", "--csv", table, "--data", data).text == "2 devices are tagged"
    told = acs("devices", "tag", KEY, "--json", "--data", data).json
    assert told == {"groups": ["north", "pilot"], "site": "Roof"}
    table.write_text(f"device,site,groups\n{KEY},,other\n0005B9-nobody,,other\n", encoding="utf-8")
    refused = acs("devices", "tag", "-", "--csv", table, "--data", data)
    assert (refused.code, "there is no device '0005B9-nobody'" in refused.text) == (2, True)
    assert acs("devices", "tag", KEY, "--json", "--data", data).json == told  # all or none
    table.write_text(f"device,place\n{KEY},x\n", encoding="utf-8")
    assert "the column 'place' is none" in acs("devices", "tag", "-", "--csv", table, "--data", data).text
    assert "--csv says all" in acs("devices", "tag", KEY, "--csv", table, "--data", data).text


def test_a_secret_is_read_from_standard_input_and_shown_nowhere(config, data, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cr3t-of-mine\n"))
    assert config("secret", "cwmp").text == "the secret cwmp is kept, version 1"
    config("set", layer(tmp_path, "values: { Device.ManagementServer.Password: { secret: cwmp } }"))
    assert "(secret cwmp)" in config("show", KEY).text
    assert "(secret cwmp)" in config("plan", KEY).text
    assert b"s3cr3t-of-mine" not in b"".join(each.read_bytes() for each in data.glob("acs.db*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "LAYER", "--scope", "shelf:3"), "the scope 'shelf:3' is none"),
        (("show", "class:x"), "nothing is declared for 'class:x'"),
        (("show", "nobody"), "there is no device 'nobody'"),
        (("site", "x", "novalue"), "'novalue' is no NAME=VALUE"),
        (("secret", "../x"), "is no name of a secret"),
        (("set", "BAD"), "'cell.pic' is no canonical name"),
    ],
)
def test_a_mistake_is_one_sentence(config, tmp_path, arguments, said):
    names = {"LAYER": layer(tmp_path, "values: { cell.pci: '7' }"), "BAD": tmp_path / "bad.yaml"}
    names["BAD"].write_text("values: { cell.pic: '7' }", encoding="utf-8")
    done = config(*(names.get(each, each) for each in arguments))
    assert (done.code, said in done.text) == (2, True)


def test_two_names_for_one_parameter_are_refused(config, tmp_path):
    config("set", layer(tmp_path, "values: { cell.pci: '7' }"))
    done = config("set", layer(tmp_path, f"values: {{ {PCI}: '8' }}"), "--scope", "class:HeNB-LTE")
    assert done.code == 2
    assert f"cell.pci in * and {PCI} in class:HeNB-LTE may be the same parameter" in done.text
