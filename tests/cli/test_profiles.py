"""``acs profiles``, and a device under canonical names."""

from tests.world import SERIAL

KEY = f"0005B9-{SERIAL}"


def test_profiles_are_listed_and_shown(acs, filled):
    names = [each["name"] for each in acs("profiles", "list", "--json", "--data", filled).json]
    assert {"standard", "simulated-henb", "tr-196-issue-1"} <= set(names)
    assert acs("profiles", "show", "tr-196-issue-1", "--json").json["tree"] == "tr-196-1"
    assert "unlike the standard" in acs("profiles", "show", "standard").text
    refused = acs("profiles", "show", "nothing")
    assert refused.code == 2
    assert "there is no profile 'nothing'" in refused.text


def test_check_tells_what_is_wrong(acs, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{get_batch: 3, match: [{oui: 0005B9}]}")
    refused = acs("profiles", "check", path)
    assert refused.code == 2
    assert "mine.yaml: it has no example" in refused.text
    path.write_text(
        "{get_batch: 3, match: [{oui: 0005B9}], examples: [{want: {cell.tac: '1'}, sent:"
        " [{Device.Services.FAPService.1.CellConfig.LTE.EPC.TAC: '1'}]}]}"
    )
    assert "right; 1 examples" in acs("profiles", "check", path).text


def test_explain_says_which_profile_holds_and_why(acs, filled, tmp_path):
    assert f"standard holds for {KEY}" in acs("profiles", "explain", KEY, "--data", filled).text
    found = acs("profiles", "explain", KEY, "--json", "--data", filled).json
    assert (found["profile"], found["fitting"]) == ("standard", [])


def test_a_device_by_canonical_names(acs, filled):
    found = acs("devices", "show", KEY, "--canonical", "--json", "--data", filled).json
    assert found["values"]["software.version"]["value"] == "1.0.0"
    assert found["values"]["cell.access_mode"]["value"] == "closed"
    shown = acs("devices", "show", KEY, "--canonical", "--data", filled).text
    assert "cell.bandwidth_dl" in shown
