"""``acs model``."""

from __future__ import annotations

import pytest

KEY = "0005B9-0005B9423901"
TAC = "Device.Services.FAPService.1.CellConfig.LTE.EPC.TAC"
DOCUMENT = """<dm:document xmlns:dm="urn:broadband-forum-org:cwmp:datamodel-1-5" spec="urn:example-com:b-1-0">
<description>Board\x41s</description>
<model name="X_EXAMPLE_Board:1.0"><object name="Device.X_EXAMPLE_Board." access="readOnly" minEntries="1"
 maxEntries="1"><parameter name="Mode" access="readWrite"><syntax><string><enumeration value="Fast"/>
 </string></syntax></parameter></object><profile name="P:1" extends="Q:1"/></model></dm:document>"""


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "board.xml"
    path.write_text(DOCUMENT)
    return path


def test_a_parameter_is_shown_with_all_its_rules(acs, data):
    shown = acs("model", "show", TAC, "--data", data).text
    for each in ("unsignedInt", "readWrite", "0..65535", "tr-196-2-1-2", "LTECellConfigEPC:1"):
        assert each in shown, each
    facts = acs("model", "show", TAC, "--data", data, "--device", KEY, "--json").json
    assert facts["path"] == "Device.Services.FAPService.{i}.CellConfig.LTE.EPC.TAC"
    own = acs("model", "show", "Device.Services.FAPService.1.CellConfig.NR.NGC.TAC", "--data", data).text
    assert "own extension" in own


def test_an_object_is_shown_with_what_is_below(acs, data):
    shown = acs("model", "show", "Device.FaultMgmt.", "--data", data).text
    assert "CurrentAlarm.{i}." in shown
    table = acs("model", "show", "Device.FaultMgmt.SupportedAlarm.1.", "--data", data, "--json").json
    assert (table["type"], table["counted by"]) == ("table", "SupportedAlarmNumberOfEntries")


@pytest.mark.parametrize("root", ["Device.", "InternetGatewayDevice.", "Device.Services.FAPService.1."])
def test_fault_management_is_shown_below_each_of_its_roots(acs, data, root):
    facts = acs("model", "show", f"{root}FaultMgmt.ExpeditedEvent.1.EventType", "--data", data, "--json").json
    assert (facts["type"], facts["access"]) == ("string", "readOnly")
    assert facts["path"] == f"{root}FaultMgmt.ExpeditedEvent.{{i}}.EventType".replace(".1.", ".{i}.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((TAC, "--model", "femto", "--device", KEY), "name --model or --device, not both"),
        ((TAC + "C",), "did you mean Device.Services.FAPService.{i}.CellConfig.LTE.EPC.TAC?"),
        (("zzzz",), "see: acs model list"),
        ((TAC, "--model", "nothing"), "no data model 'nothing'; known are henb"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(acs, data, arguments, told):
    done = acs("model", "show", *arguments, "--data", data)
    assert (done.code, told in done.text) == (2, True), done.text


def test_a_model_is_imported_listed_shown_and_dropped(acs, data, document):
    done = acs("model", "import", document, "--data", data)
    assert "X_EXAMPLE_Board:1.0: 1 objects, 1 parameters, 1 profiles" in done.text
    assert "warning:" in done.text
    listed = {each["name"]: each for each in acs("model", "list", "--data", data, "--json").json}
    assert listed["X_EXAMPLE_Board:1.0"]["document"] == "urn:example-com:b-1-0"
    assert listed["femto"]["parameters"] > 3000
    own = ("--data", data, "--model", "X_EXAMPLE_Board:1.0")
    shown = acs("model", "show", "Device.X_EXAMPLE_Board.Mode", *own)
    assert "Fast" in shown.text
    assert "Fast" in acs("model", "show", "Device.X_EXAMPLE_Board.Mode", "--data", data).text
    assert acs("model", "drop", "X_EXAMPLE_Board:1.0", "--data", data).code == 0
    assert "was imported" in acs("model", "drop", "X_EXAMPLE_Board:1.0", "--data", data).text
    audited = acs("audit", "list", "--data", data, "--json").json
    assert [each["action"] for each in audited].count("data model dropped") == 1


def test_a_model_is_written_to_a_file(acs, data, document, tmp_path):
    out = tmp_path / "board.model"
    assert acs("model", "import", document, "--out", out).code == 0
    assert "\tMode\tstring\tW\tFast" in out.read_text()


def test_a_document_that_is_none_is_told(acs, data, tmp_path):
    path = tmp_path / "x.xml"
    path.write_text("<html/>")
    done = acs("model", "import", path, "--data", data)
    assert done.code == 2
    assert "x.xml:1: the root is 'html'" in done.text
