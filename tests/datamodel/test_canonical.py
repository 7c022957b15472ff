"""One name for what every femtocell has, and the shipped profiles' test vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.cwmp import messages as m
from acs.datamodel import STANDARD, Alias, Profile, load_model, load_profiles
from acs.datamodel.canonical import canonical_name, canonical_names, place_of, view
from acs.datamodel.examples import check_examples
from acs.datamodel.profiles import Profiles, parse_profile
from acs.errors import AcsError

SHIPPED = load_profiles()
MODELS = {"lte": "henb", "umts": "henb", "issue-1": "henb-issue-1"}
PLACES = [
    pytest.param(meaning, tree, path, id=f"{meaning.name}-{tree}")
    for meaning in canonical_names().values()
    for tree, path in meaning.paths.items()
    if path.startswith(("Device.Services.", "Device.FAP.")) or tree != "issue-1"
]


@pytest.mark.parametrize("found", SHIPPED.all, ids=lambda found: found.profile.name)
def test_the_examples_of_a_shipped_profile(found):
    assert check_examples(found, SHIPPED) == []


@pytest.mark.parametrize(("meaning", "tree", "path"), PLACES)
def test_a_place_is_in_its_data_model_and_has_its_words(meaning, tree, path):
    spec = load_model(MODELS[tree]).spec(path)
    assert spec is not None
    assert [word for word in meaning.values if spec.check(word) is not None] == []
    if meaning.type == "boolean":
        assert spec.xsd_type == "xsd:boolean"


def test_the_same_name_on_every_tree():
    wanted = {
        "tr-196-2-lte": "Device.Services.FAPService.1.FAPControl.LTE.AdminState",
        "tr-196-2-umts": "Device.Services.FAPService.1.FAPControl.UMTS.AdminState",
        "tr-196-1": "Device.Services.FAPService.1.FAPControl.AdminState",
    }
    for tree, path in wanted.items():
        profile = Profile(name="x", tree=tree)
        assert place_of(profile, "cell.admin_state").path == path
        igd = place_of(profile, "cell.admin_state", root="InternetGatewayDevice.")
        assert igd.path == path.replace("Device.", "InternetGatewayDevice.", 1)


def test_an_alias_of_a_vendor_with_the_opposite_sense_and_other_words():
    profile = Profile(
        name="x",
        aliases={
            "cell.admin_state": Alias(path="Device.X_V_Off", inverted=True),
            "cell.barred": Alias(
                path="Device.X_V_Barred", type="xsd:string", values={"BARRED": "true", "FREE": "false"}
            ),
            "s1.mme": Alias(path=""),
        },
    )
    place = place_of(profile, "cell.admin_state")
    assert place.write("true") == m.ParameterValue("Device.X_V_Off", "0", "xsd:boolean")
    assert (place.read("TRUE"), place.read("no"), place.read("?")) == ("false", "true", None)
    barred = place_of(profile, "cell.barred")
    assert barred.write("yes") == m.ParameterValue("Device.X_V_Barred", "BARRED", "xsd:string")
    assert (barred.read("FREE"), barred.read("?")) == ("false", None)
    assert place_of(profile, "s1.mme") is None


def test_a_parameter_of_the_standard_with_the_opposite_sense():
    profile = Profile(name="x", inverted=("Device.Services.FAPService.{i}.FAPControl.LTE.AdminState",))
    place = place_of(profile, "cell.admin_state")
    assert (place.write("true").value, place.read("1")) == ("0", "false")


@given(st.integers(-90_000_000, 90_000_000))
def test_a_scaled_number_goes_there_and_back(micro):
    place = place_of(STANDARD, "gps.latitude")
    degrees = place.read(str(micro))
    assert abs(float(degrees) - micro / 1e6) < 1e-9
    assert place.write(degrees).value == str(micro)


@pytest.mark.parametrize("raw", ["", "x", "NaN", "Infinity", "1e999999", "9" * 50, "--1"])
def test_a_hostile_number_means_nothing(raw):
    assert place_of(STANDARD, "gps.latitude").read(raw) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cell.admin_state", "maybe", "true or false"),
        ("cell.access_mode", "shut", "one of open, closed, hybrid"),
        ("cell.tac", "1.5", "a number of type integer"),
        ("cell.tac", "1e9999999", "a number of type integer"),
    ],
)
def test_a_value_that_is_none_of_the_name_is_refused(name, value, said):
    with pytest.raises(AcsError, match=said):
        place_of(STANDARD, name).write(value)


def test_an_unknown_name_is_refused():
    with pytest.raises(AcsError, match=r"'cell\.admin' is no canonical name"):
        canonical_name("cell.admin")


def test_the_view_shows_what_is_known_and_what_makes_no_sense():
    known = {
        "Device.Time.Status": m.ParameterValue("Device.Time.Status", "Synchronized"),
        "Device.FAP.GPS.LockedLatitude": m.ParameterValue("Device.FAP.GPS.LockedLatitude", "<script>"),
    }
    found = view(STANDARD, known)
    assert {name: each.value for name, each in found.items()} == {
        "clock.status": "synchronized",
        "gps.latitude": None,
    }
    assert found["gps.latitude"].raw == "<script>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("get_batch: 1", "it has no example"),
        ("{aliases: {cell.no: {path: Device.X}}, examples: []}", "'cell.no' is no canonical name"),
        ("{examples: [{means: {}}]}", "it expects nothing"),
        ("{examples: [{sends: []}]}", "unknown field `sends`"),
        ("{examples: [{want: {cell.pci: '1'}, sent: [{Device.X: '1'}]}]}", 'sent is [{"Device.Serv'),
        (
            "{examples: [{told: {Device.Time.Status: Error}, means: {clock.status: ok}}]}",
            "what is told means",
        ),
        ("{examples: [{device: {oui: ABCDEF}, told: {}, means: {a: b}}]}", "the profile standard holds"),
        ("{model: nothing}", "there is no data model 'nothing'"),
        ("{match: [{}]}", "fits every device"),
    ],
)
def test_what_is_wrong_with_an_example_is_told(text, said):
    file = parse_profile(text, "mine.yaml")
    profiles = Profiles([parse_profile("name: standard", "standard.yaml", shipped=True), file])
    assert said in "; ".join(check_examples(profiles.get("mine"), profiles))
