"""A layer as a document: what is taken, what is refused and where."""

import pytest

from acs.cwmp import messages as m
from acs.datamodel import STANDARD, Alias, Profile
from acs.declared import Entry, Layer, alias_conflicts, layer_of_values, parse_layer
from acs.errors import AcsError

TABLE = "Device.Services.FAPService.1.CellConfig.LTE.RAN.NeighborList.LTECell."
PCI = "Device.Services.FAPService.1.CellConfig.LTE.RAN.RF.PhyCellID"


def test_values_tables_and_secrets():
    layer = parse_layer(
        f"""
        values:
          cell.pci: 101
          cell.admin_state: true
          segw.address: "segw.{{{{ site.region }}}}.example"
          s1.mme: [mme1, mme2]
          Device.Time.NTPServer1: {{ value: ntp1, type: "xsd:string" }}
          Device.ManagementServer.Password: {{ secret: cwmp }}
        tables:
          {TABLE}:
            key: [PhyCellID]
            exact: true
            rows: [{{ PhyCellID: 12, EUTRACarrierARFCN: 6300 }}]
        """,
        "mine.yaml",
    )
    assert layer.values["cell.pci"] == Entry("101")
    assert layer.values["cell.admin_state"] == Entry("true")
    assert layer.values["s1.mme"] == Entry("mme1,mme2")
    assert layer.values["segw.address"].template
    assert layer.values["Device.ManagementServer.Password"] == Entry(secret="cwmp")
    assert layer.tables[TABLE].rows == ({"PhyCellID": Entry("12"), "EUTRACarrierARFCN": Entry("6300")},)
    assert layer.size == 7


@pytest.mark.parametrize(
    "text",
    ["00101", "12:34:56", "0x10", "1.40", "1e3", "no", "on", "2026-01-01T00:00:00Z", "2026-01-01", "~x"],
)
def test_a_value_is_the_text_that_stands_there(text):
    """YAML would read the PLMN 00101 as the octal number 65, and 12:34:56 as 45296."""
    layer = parse_layer(
        f"values: {{plmn.primary: {text}, s1.mme: [{text}], Device.X: {{value: {text}}}}}\n"
        f"tables: {{{TABLE}: {{key: [PLMNID], exact: true, rows: [{{PLMNID: {text}}}]}}}}",
        "mine.yaml",
    )
    assert [each.value for each in layer.values.values()] == [text] * 3
    assert layer.tables[TABLE].rows[0]["PLMNID"].value == text
    assert layer.tables[TABLE].exact


def test_what_only_speaks_of_a_secret_may_stand_there():
    path = "Device.X_V_PasswordExpiry"
    for value in ("true", "{ value: 30, type: 'xsd:unsignedInt' }"):
        assert path in parse_layer(f"values: {{ {path}: {value} }}", "mine.yaml").values


def test_plain_values_are_never_templates():
    layer = layer_of_values([m.ParameterValue("Device.X", "{{ 1 }}", "xsd:string")])
    assert not layer.values["Device.X"].template


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no YAML"),
        ("3", "has the sections values and tables"),
        ("{value: {}}", "has the sections values and tables, not value"),
        ("values: [1]", "values is no mapping"),
        ("values: {cell.pic: 1}", "'cell.pic' is no canonical name and no parameter's path"),
        ("values: {Device.X.: 1}", "no parameter's path"),
        ("values: {'Device.X[0]': 1}", "no parameter's path"),
        ("values: {cell.pci: null}", 'cell.pci: there is no value; an empty one is ""'),
        ("values: {cell.pci: }", "cell.pci: there is no value"),
        ("values: {cell.pci: 1, cell.pci: 2}", "'cell.pci' is there"),
        ("values: {cell.pcI: 1}", "did you mean cell.pci"),
        ("[{name: Device.X, value: 1}]", "acs golden set takes it"),
        ("values: {cell.pci: {type: x}}", "neither a value nor a secret"),
        ("values: {cell.pci: {value: 1, secret: a}}", "stands instead of a value"),
        ("values: {cell.pci: {secret: ../x}}", "a secret is a plain name"),
        ("values: {cell.pci: {valeu: 1}}", "unknown field `valeu`"),
        ("values: {cell.pci: '{{ x() }}'}", "cell.pci: the template is wrong: Call is not allowed"),
        ("tables: {Device.X: {key: [a], rows: []}}", "no object's path"),
        ("tables: {Device.X.: {key: [], rows: []}}", "name in key the parameters"),
        ("tables: {Device.X.: {key: [A], rows: [{B: 1}]}}", "row 1: the key A is missing"),
        ("tables: {Device.X.: {key: [A], rows: [1]}}", "row 1 is no mapping"),
        ("tables: {Device.X.: {key: [A], rows: [{A: {secret: x}}]}}", "A is of the key; a secret can't be"),
        ("tables: {Device.X.: {key: [A], rows: [{A: 1, 'B C': 1}]}}", "no parameter of a row"),
        ("tables: {Device.X.: 3}", "a table has key, rows and exact"),
        ("values: {Device.Users.User.1.Password: a}", "stands there in the clear; declare it as { secret: N"),
        ("values: {Device.X_V_Psk: '{{ site.psk }}'}", "Device.X_V_Psk is a secret"),
        ("tables: {Device.Users.User.: {key: [Username], rows: [{Username: a, Password: b}]}}", "a secret"),
        ("values: {cell.pci: '" + "x" * 5000 + "'}", "at most 4096"),
    ],
)
def test_a_wrong_document_is_refused_with_its_place(text, said):
    with pytest.raises(AcsError) as refused:
        parse_layer(text, "mine.yaml")
    assert said in str(refused.value)
    assert "mine.yaml" in str(refused.value)


def layer(*names: str) -> Layer:
    return Layer({name: Entry("1") for name in names})


def test_two_names_for_one_parameter_are_refused_with_both_layers():
    [found] = alias_conflicts({"*": layer("cell.pci"), "class:HeNB": layer(PCI)}, [STANDARD])
    assert "cell.pci in *" in found
    assert f"{PCI} in class:HeNB" in found
    igd = PCI.replace("Device.", "InternetGatewayDevice.", 1)
    assert alias_conflicts({"*": layer("cell.pci", igd)}, [STANDARD])


def test_the_alias_of_any_profile_counts():
    profile = Profile(name="x", aliases={"cell.pci": Alias(path="Device.X_V_Pci")})
    layers = {"*": layer("cell.pci"), "class:HeNB": layer("Device.X_V_Pci")}
    assert alias_conflicts(layers, [STANDARD]) == []
    assert alias_conflicts(layers, [STANDARD, profile])


def test_layers_that_never_meet_may_use_two_names():
    assert alias_conflicts({"class:A": layer("cell.pci"), "class:B": layer(PCI)}, [STANDARD]) == []
    assert alias_conflicts({"group:a": layer("cell.pci"), "group:b": layer(PCI)}, [STANDARD])
