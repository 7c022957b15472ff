"""``acs bulk``: look at what devices reported."""

from __future__ import annotations

import csv

import pytest

from acs import bulkdata as bd
from acs import devices as dev
from acs.cli.bulk import written
from acs.cli.output import defused
from acs.cli.running import run
from acs.store import Store
from tests.bulkdata.test_pm_file import MEAS

NOW = 1_800_000_000.0
KEY = "0005B9-A1"


@pytest.fixture
def reported(data):
    """The data directory in which a device has reported twice."""

    async def fill() -> None:
        store = await Store.open(f"sqlite:///{data / 'acs.db'}")

        def act(conn) -> None:
            device = dev.register(conn, "0005B9", "A1", now=NOW)
            for number in range(2):
                samples = (
                    bd.Sample("Device.UpTime", 100 + number, "unsignedInt"),
                    bd.Sample("Device.Name", '=HYPERLINK("http://evil")', suspect=True),
                )
                report = bd.Report(NOW + 300 * number, samples, 900.0)
                bd.store_reports(conn, device.id, "health", [report], quota=bd.Quota(), now=NOW)

        await store.write(act)
        await store.close()

    run(fill())
    return data


def test_parameters_and_their_values(acs, reported):
    listed = acs("bulk", "list", KEY, "--data", reported)
    assert "2 reports" in listed.text
    assert "health Device.UpTime" in listed.text.replace("│", "").replace("  ", " ").replace("  ", " ")
    assert [
        each["value"] for each in acs("bulk", "list", KEY, "--json", "--data", reported).json["parameters"]
    ] == [
        '=HYPERLINK("http://evil")',
        101,
    ]
    shown = acs("bulk", "show", KEY, "Device.UpTime", "--last", 1, "--json", "--data", reported).json
    assert [(each["value"], each["at"], each["period"]) for each in shown] == [(101, NOW + 300, 900.0)]
    assert "suspect" in acs("bulk", "show", KEY, "Device.Name", "--data", reported).text
    until = "2027-01-15T08:01"
    assert len(acs("bulk", "show", KEY, "Device.", "--until", until, "--json", "--data", reported).json) == 2


def test_an_export_holds_no_formula(acs, reported, tmp_path):
    out = tmp_path / "values.csv"
    assert "4 values" in acs("bulk", "export", KEY, "--data", reported, "-o", out).text
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert {row["value"] for row in rows} == {"100", "101", '\'=HYPERLINK("http://evil")'}
    assert {row["time_of_receipt"] for row in rows} == {"0"}
    assert acs("bulk", "export", KEY, "Device.UpTime", "--data", reported).out.startswith(
        "time,source,parameter"
    )
    few = acs("bulk", "export", KEY, "Device.UpTime", "--last", "1", "--data", reported).out
    assert len(few.splitlines()) == 2


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "\r1", "|x"])
def test_what_a_spreadsheet_would_run_is_defused(text):
    assert defused(text) == f"'{text}"
    assert [defused(value) for value in (-1, 1.5, None, "a=b", "")] == [-1, 1.5, None, "a=b", ""]


def test_a_boolean_is_written_as_json_has_it():
    assert [written(each) for each in (True, False, 1, "True", None)] == ["true", "false", 1, "True", None]


def test_mistakes_are_told(acs, reported):
    assert "no device" in acs("bulk", "list", "0005B9-nobody", "--data", reported).err
    assert "is no time" in acs("bulk", "show", KEY, "X", "--since", "noon", "--data", reported).err


def test_a_pm_file_is_read_in_once(acs, reported, tmp_path):
    path = tmp_path / "A20261201.1000+0000-1015+0000_1.xml"
    path.write_text(MEAS.replace("2026-12", "2025-12"), encoding="utf-8")
    first = acs("pm", "import", path, "--device", KEY, "--json", "--data", reported).json
    assert first == {"stored": 2, "repeated": 0, "values": 7, "repairs": []}
    assert (
        "0 groups with 7 values, 2 there already"
        in acs("pm", "import", path, "--device", KEY, "--data", reported).text
    )
    shown = acs("bulk", "show", KEY, "EUtranCell=1/", "--source", "pm:RRC", "--json", "--data", reported).json
    assert {each["name"]: each["value"] for each in shown}["EUtranCell=1/RRC.AttConnEstab"] == 42
    path.write_text("<a/>", encoding="utf-8")
    assert (
        "is no PM file that can be read: the root 'a'"
        in acs("pm", "import", path, "--device", KEY, "--data", reported).err
    )


def test_profiles_are_configured_shown_and_removed(acs, reported):
    made = acs("bulk", "configure", KEY, "live", "--reference", "Device.DeviceInfo.", "--data", reported)
    assert "is being set up" in made.text
    assert "is being set up" in acs("pm", "configure", KEY, "--data", reported).text.replace("are", "is")
    found = acs("bulk", "profiles", KEY, "--json", "--data", reported).json
    assert [(each["settings"]["name"], each["state"]) for each in found] == [
        ("live", "configuring"),
        ("pm", "configuring"),
    ]
    assert found[0]["settings"]["url"] == "https://localhost:7548/bulk/live"
    assert acs("bulk", "remove", KEY, "live", "--data", reported).code == 0
    new = ("bulk", "configure", KEY, "x", "--data", reported, "--reference")
    assert "'LZW' is not one of 'GZIP', 'None'" in acs(*new, "Device.", "--compression", "LZW").text
    xml = acs(*new, "Device.", "--report-format", "XML")
    assert "'XML' is not one of 'ObjectHierarchy', 'NameValuePair', 'ParameterPerRow'" in xml.text
    assert "-2 reports can't be retained" in acs(*new, "Device.", "--retained", "-2").err
    assert (
        "no path below Device."
        in acs("bulk", "configure", KEY, "x", "--reference", "X.", "--data", reported).err
    )
