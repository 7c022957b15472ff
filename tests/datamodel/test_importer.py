"""From documents of the Broadband Forum to models: what is resolved, what is refused and how it is told."""

# ruff: noqa: E501 - XML is easier to read on long lines
import os
import time
from pathlib import Path

import pytest

from acs.datamodel import about, composed, dump, import_models, parse
from acs.errors import AcsError

DOCUMENTS = Path(os.environ.get("ACS_TEST_MODELS", Path(__file__).parents[3] / "shared" / "bbf"))
needs_documents = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason=f"the documents are not in {DOCUMENTS}; set ACS_TEST_MODELS"
)


def document(content, spec="urn:example-com:femto-1-0", version="1-5", before=""):
    return f"""<?xml version="1.0"?>{before}
<dm:document xmlns:dm="urn:broadband-forum-org:cwmp:datamodel-{version}"
    xmlns:dmr="urn:broadband-forum-org:cwmp:datamodel-report-0-1" spec="{spec}">
{content}
</dm:document>"""


def model(body, name="X:1.0", base="", service=""):
    extra = (base and f' base="{base}"') + (service and f' isService="{service}"')
    return f'<model name="{name}"{extra}>{body}</model>'


def parameter(syntax, name="P", access="readWrite", **more):
    attributes = "".join(f' {key}="{value}"' for key, value in more.items())
    return f'<parameter name="{name}" access="{access}"{attributes}><syntax>{syntax}</syntax></parameter>'


def thing(body, name="Device.Thing.", access="readOnly"):
    return f'<object name="{name}" access="{access}" minEntries="1" maxEntries="1">{body}</object>'


def write(folder, text, name="own.xml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path, text, **options):
    (found,) = import_models(write(tmp_path, text), **options)
    again = parse(dump(found.model))
    assert dump(again) == dump(found.model)
    assert set(again.parameters) == set(found.model.parameters)
    assert set(again.objects) == set(found.model.objects)
    return composed(found.name, [found.model])


def one(tmp_path, syntax, types=""):
    made = read(tmp_path, document(types + model(thing(parameter(syntax)))))
    return made.parameters["Device.Thing.P"]


def fault(spec, value):
    problem = spec.check_set(value)
    return problem.text if problem else None


@pytest.mark.parametrize(
    ("syntax", "good", "bad"),
    [
        ('<string><size maxLength="3"/></string>', ["", "abc"], ["abcd"]),
        ('<string><size minLength="2" maxLength="3"/></string>', ["ab"], ["a", "abcd", ""]),
        ('<string><size minLength="2" maxLength="2"/><size minLength="5"/></string>', ["ab", "abcdef"], ["abc"]),
        ('<string><pattern value="[0-9]{2}"/><pattern value=""/></string>', ["12", ""], ["1", "123", "12\n"]),
        ('<string><pattern value="a|b"/></string>', ["a"], ["ab", ""]),
        ('<string><pattern value="x$y^"/></string>', ["x$y^"], ["x"]),
        ('<string><enumeration value="A|B"/><enumeration value="50%"/></string>', ["A|B", "50%"], ["A", "a|b"]),
        ('<string><enumeration value="A"/><enumeration value="" /></string>', ["A", ""], ["B", "<empty>"]),
        ('<string><enumeration value="A"/><enumeration value="B" access="readOnly"/></string>', ["A"], ["B"]),
        ('<unsignedInt><range minInclusive="1" maxInclusive="5"/><range minInclusive="9"/></unsignedInt>',
         ["1", "5", "9", "4294967295"], ["0", "6", "-1", "4294967296", "x", ""]),
        ('<int><range minInclusive="-60" maxInclusive="60" step="30"/></int>', ["-60", "0", "30"], ["-59", "31"]),
        ('<decimal><range minInclusive="-0.5" maxInclusive="1.25"/></decimal>', ["-0.5", "1.25"], ["1.26", "1e1"]),
        ('<list minItems="1" maxItems="2"/><string/>', ["a", "a,b"], ["", "a,b,c"]),
        ('<list><size maxLength="5"/></list><unsignedInt><range maxInclusive="9"/></unsignedInt>',
         ["", "1,2,3", "1, 2"], ["1,2,3,4", "10", "1,,2"]),
        ('<list/><string><enumeration value="A"/><enumeration value="B"/></string>', ["A,B", ""], ["A,C"]),
        ('<hexBinary><size minLength="2" maxLength="2"/></hexBinary>', ["00fF"], ["00", "000000", "zz"]),
        ('<base64><size maxLength="2"/></base64>', ["AAE="], ["AAEC", "A"]),
        ("<dateTime/>", ["2026-01-31T10:00:00Z"], ["2026-01-31", ""]),
        ("<boolean/>", ["0", "true"], ["TRUE", ""]),
        ("<unsignedLong/>", ["18446744073709551615"], ["18446744073709551616"]),
        ('<dataType ref="IPAddress"/>', ["10.0.0.1", "::1", ""], ["10.0.0.256"]),
        ('<dataType ref="MACAddress"/>', ["00:05:b9:00:00:01"], ["0005b9000001"]),
        ('<dataType ref="Alias"/>', ["a" * 64], ["a" * 65]),
        ('<dataType ref="Dbm1000"><range maxInclusive="0"/></dataType>', ["-12345"], ["1"]),
        ('<dataType ref="DiagnosticsState"><enumeration value="Error_X" access="readOnly"/></dataType>',
         ["Requested", "Canceled"], ["Complete", "Error_X", "None", "Started"]),
    ],
)  # fmt: skip
def test_each_facet_is_a_rule(tmp_path, syntax, good, bad):
    spec = one(tmp_path, syntax)
    assert [each for each in good if fault(spec, each)] == []
    assert [each for each in bad if not fault(spec, each)] == []
    assert spec.patterns or spec.check(spec.default) is None


def test_a_named_type_brings_its_rules_through_all_its_bases(tmp_path):
    types = """<dataType name="Short"><string><size maxLength="8"/></string></dataType>
      <dataType name="Code" base="Short"><pattern value="[A-Z]+"/></dataType>"""
    spec = one(tmp_path, '<dataType ref="Code"/>', types)
    assert (spec.type, spec.maximum_length, spec.patterns) == ("string", 8, ("[A-Z]+",))
    assert about(spec).data_type == "Code"
    assert fault(spec, "abc") == "'abc' does not match the pattern [A-Z]+"


def test_what_is_said_beside_the_rules_is_kept(tmp_path):
    syntax = """<syntax hidden="true" command="true"><unsignedInt><units value="0.1 °C"/></unsignedInt>
      <default type="object" value="a b=c%"/></syntax>"""
    body = f"""<parameter name="P" access="writeOnceReadOnly" activeNotify="canDeny" forcedInform="true"
      status="deprecated" version="1.2" dmr:previousParameter="Old">{syntax}</parameter>
      <parameter name="R" access="readOnly"><syntax><string>
        <pathRef targetParent=".A. .B.{{i}}." refType="strong"/></string></syntax></parameter>
      <parameter name="E" access="readWrite"><syntax secured="true"><string>
        <enumerationRef targetParam="Supported"/></string></syntax></parameter>"""
    made = read(tmp_path, document(model(thing(body))))
    known = about(made.parameters["Device.Thing.P"])
    assert (known.hidden, known.command, known.secured, known.forced_inform) == (True, True, False, True)
    assert (known.default, known.default_type, known.units) == ("a b=c%", "object", "0.1 °C")
    assert (known.active_notify, known.status, known.version, known.previous) == (
        "canDeny", "deprecated", "1.2", "Old",
    )  # fmt: skip
    assert made.parameters["Device.Thing.P"].access == "O"
    assert about(made.parameters["Device.Thing.R"]).refers_to == ".A. .B.{i}."
    assert about(made.parameters["Device.Thing.E"]).enumeration_of == "Supported"
    assert about(made.parameters["Device.Thing.E"]).secured


def test_tables_say_what_counts_them_and_what_is_unique(tmp_path):
    body = """<object name="Device.T.{i}." access="readWrite" minEntries="0" maxEntries="unbounded"
        numEntriesParameter="TNumberOfEntries" enableParameter="Enable">
      <uniqueKey functional="true"><parameter ref="A"/><parameter ref="B"/></uniqueKey>
      <uniqueKey functional="false"><parameter ref="Alias"/></uniqueKey></object>
      <object name="Device.U.{i}." access="readOnly" minEntries="2" maxEntries="4"/>"""
    made = read(tmp_path, document(model(body)))
    table = made.objects["Device.T.{i}."]
    assert (table.writable, table.counter, table.enable) == (True, "TNumberOfEntries", "Enable")
    assert table.unique_keys == (("A", "B"), ("Alias",))
    assert (table.entries, made.objects["Device.U.{i}."].entries) == (None, (2, 4))


def test_a_vendors_model_extends_an_imported_one(tmp_path):
    standard = """<component name="Counters"><parameter name="Sent" access="readOnly"><syntax><unsignedInt/></syntax>
        </parameter><object name="Deep." access="readOnly" minEntries="1" maxEntries="1">
        <component ref="Named"/></object></component>
      <component name="Named"><parameter name="Name" access="readWrite"><syntax><string/></syntax></parameter>
      </component>""" + model(
        thing(parameter('<string><enumeration value="A"/></string><default type="object" value="A"/>'))
        + thing(parameter("<string/>"), "Device.Gone.")
        + """<profile name="Base:1"><object ref="Device.Thing." requirement="present">
             <parameter ref="P" requirement="readOnly"/></object></profile>""",
        "Std:1.0",
    )
    write(tmp_path, document(standard, "urn:broadband-forum-org:tr-900-1-0-0"), "tr-900-1-0-0.xml")
    own = """<import file="tr-900-1-0.xml" spec="urn:broadband-forum-org:tr-900-1-0">
        <model name="Standard:1.0" ref="Std:1.0"/><component name="C" ref="Counters"/></import>""" + model(
        """<component ref="C" path="Device.Stats."/>
        <object base="Device.Thing." access="readWrite">
          <parameter base="P" access="readOnly"><syntax><string><enumeration value="X_EXAMPLE_B"/></string></syntax>
          </parameter><parameter name="X_EXAMPLE_Q" access="readWrite"><syntax><int/></syntax></parameter></object>
        <object base="Device.Gone." status="deleted"/>
        <profile name="X_EXAMPLE_Own:1" extends="Base:1"><object ref="Device.Thing." requirement="create">
          <parameter ref="P" requirement="readWrite"/></object></profile>""",
        "Own:1.0",
        "Standard:1.0",
    )
    made = read(tmp_path, document(own))
    assert set(made.parameters) == {
        "Device.Thing.P", "Device.Thing.X_EXAMPLE_Q", "Device.Stats.Sent", "Device.Stats.Deep.Name",
    }  # fmt: skip
    changed = made.parameters["Device.Thing.P"]
    assert (changed.values, changed.access, about(changed).default) == (("A", "X_EXAMPLE_B"), "R", "A")
    assert "Device.Gone." not in made.objects
    assert made.objects["Device.Thing."].writable
    assert made.profiles_of("Device.Thing.P") == ["Base:1", "X_EXAMPLE_Own:1"]
    assert made.profiles[1].parameters == {"Device.Thing.P": "readWrite"}
    assert made.source("Device.Thing.P")["document"] == "urn:example-com:femto-1-0"


def test_an_import_is_looked_for_in_the_given_folders(tmp_path):
    other = tmp_path / "std"
    other.mkdir()
    types = '<dataType name="Tiny"><unsignedInt><range maxInclusive="3"/></unsignedInt></dataType>'
    write(other, document(types, "urn:broadband-forum-org:tr-901"), "tr-901-types.xml")
    text = document(
        '<import file="tr-901-types.xml" spec="urn:broadband-forum-org:tr-901"><dataType name="Tiny"/></import>'
        + model(thing(parameter('<dataType ref="Tiny"/>')))
    )
    with pytest.raises(AcsError, match=r"own\.xml:4: .*'Tiny' from tr-901-types\.xml.*--path"):
        read(tmp_path, text)
    assert (
        fault(read(tmp_path, text, paths=[other]).parameters["Device.Thing.P"], "4") == "4 is outside of ..3"
    )


def test_a_service_lies_below_services_and_components_where_they_are_put(tmp_path):
    service = model(thing(parameter("<string/>"), "FAPService.{i}."), "FAPService:1.0", service="true")
    assert "Device.Services.FAPService.{i}.P" in read(tmp_path, document(service)).parameters
    moved = read(tmp_path, document(service), root="InternetGatewayDevice.Services")
    assert "InternetGatewayDevice.Services.FAPService.{i}.P" in moved.parameters
    loose = document('<component name="A">' + thing(parameter("<int/>"), "A.") + "</component>")
    with pytest.raises(AcsError, match=r"only the components A; say with --root"):
        read(tmp_path, loose)
    assert list(read(tmp_path, loose, root="Device.").parameters) == ["Device.A.P"]


@pytest.mark.parametrize("version", ["1-0", "1-5", "1-10", "1-15"])
def test_every_version_of_the_schema_is_read(tmp_path, version):
    assert read(tmp_path, document(model(thing(parameter("<int/>"))), version=version)).parameters


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "neither a model nor a component"),
        (model(thing(parameter("<strin/>"))), r":4: .*no data type"),
        (model(thing(parameter('<dataType ref="Nothing"/>'))), r":4: .*no dataType 'Nothing'"),
        (model(thing(parameter("<int/>", "P Q"))), r":4: 'P Q' is no name"),
        (model(thing("", "Device.Thing")), r"'Device\.Thing' is no path"),
        (model(thing(parameter("<int/>", access="sometimes"))), "access 'sometimes'"),
        (model(thing('<parameter name="P" access="readOnly"/>')), "no syntax"),
        (model(thing(parameter('<int><range minInclusive="5" maxInclusive="1"/></int>'))), r"5\.\.1 holds nothing"),
        (model(thing(parameter('<int><range minInclusive="1e999"/></int>'))), "reaches that far"),
        (model(thing(parameter('<int><range minInclusive="NaN"/></int>'))), "reaches that far"),
        (model(thing(parameter('<string><size maxLength="many"/></string>'))), "maxLength is 'many'"),
        (model('<object base="Device.Thin."/>' + thing("")), r"extends Device\.Thin\."),
        (model(thing(parameter("<int/>")) + '<object base="Device.Thing."><parameter base="Q"/></object>'),
         r"extends Device\.Thing\.Q"),
        (model('<component ref="No"/>'), "no component 'No'"),
        ('<component name="Loop"><component ref="Loop"/></component>' + model('<component ref="Loop"/>'),
         "'Loop' contains itself"),
        (model("", base="X:1.0"), "'X:1.0' contains itself"),
        ('<dataType name="A" base="B"/><dataType name="B" base="A"/>'
         + model(thing(parameter('<dataType ref="A"/>'))), "comes from itself"),
        ('<import file="own.xml" spec="urn:x:y"><dataType name="A"/></import>'
         + model(thing(parameter('<dataType ref="A"/>'))), "circle|comes from itself"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_remedy(tmp_path, content, told):
    with pytest.raises(AcsError, match=told) as caught:
        import_models(write(tmp_path, document(content)))
    assert "own.xml:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<a", "no well-formed XML"),
        ("<a/>", "no dm:document"),
        ('<document xmlns="urn:example"/>', "no dm:document"),
        (document("", before='<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">'), "document type"),
        (document("&x;", before='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "document type"),
        (document("", before='<!DOCTYPE d [<!ENTITY % x "y"> %x;]>'), "document type"),
        (document("&b;", before='<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'), "document type"),
        (document("", before="<!DOCTYPE d [" + '<!ENTITY a "b">' * 65 + "]>"), "document type"),
        (document("<component>" * 300 + "</component>" * 300), "no well-formed XML"),
    ],
)
def test_hostile_documents_are_refused_at_once(tmp_path, text, told):
    started = time.process_time()
    with pytest.raises(AcsError, match=told):
        import_models(write(tmp_path, text))
    assert time.process_time() - started < 5


def test_a_document_in_utf_16_hides_no_document_type(tmp_path):
    path = tmp_path / "own.xml"
    text = document("&x;", before='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    path.write_bytes(text.replace('<?xml version="1.0"?>', "").encode("utf-16"))
    with pytest.raises(AcsError, match="document type"):
        import_models(path)


def test_plain_entities_are_read(tmp_path):
    text = document(
        model(thing(parameter('<string><pattern value="&d;&dot;&d;"/></string>'))),
        before='<!DOCTYPE d [ <!-- digits --> <!ENTITY d "[0-9]"> <!ENTITY dot "\\."> ]>',
    )
    assert read(tmp_path, text).parameters["Device.Thing.P"].patterns == (r"[0-9]\.[0-9]",)


@pytest.mark.parametrize("pattern", ["(a+)+", "((a*)b*)*", "(a|b+)*", "[", r"\p{L}+", "x" * 1001, "[a-[b]]"])
def test_a_pattern_that_could_run_for_ever_is_warned_of_and_not_used(tmp_path, pattern):
    text = document(model(thing(parameter(f'<string><pattern value="{pattern}"/></string>'))))
    (found,) = import_models(write(tmp_path, text))
    assert "own.xml:4: values are not checked" in found.warnings[0]
    assert found.model.parameters[0].check("a" * 60 + "!") is None


def test_a_profile_that_builds_on_nothing_is_warned_of(tmp_path):
    text = document(model(thing("") + '<profile name="P:1" extends="Q:1"/>'))
    (found,) = import_models(write(tmp_path, text))
    assert "P:1 builds on Q:1" in found.warnings[0]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(AcsError, match=r"can't read the data model .*nothing\.xml"):
        import_models(tmp_path / "nothing.xml")


@needs_documents
def test_a_vendors_document_extends_the_real_device_2(tmp_path):
    text = document(
        """<import file="tr-106-1-0-types.xml" spec="urn:broadband-forum-org:tr-106-1-0"><dataType name="UUID"/></import>
        <import file="tr-181-2-17-0.xml" spec="urn:broadband-forum-org:tr-181-2-17-0">
          <model name="Device:2.17"/></import>"""
        + model(
            """<object base="Device.DeviceInfo."><parameter name="X_EXAMPLE_Board" access="readOnly">
            <syntax><dataType ref="UUID"/></syntax></parameter></object>""",
            "Device:2.17",
            "Device:2.17",
        )
    )
    made = read(
        tmp_path,
        text.replace('name="Device:2.17" base', 'name="X_EXAMPLE_Device:1.0" base'),
        paths=[DOCUMENTS],
    )
    assert made.parameters["Device.DeviceInfo.X_EXAMPLE_Board"].type == "UUID"
    assert len(made.parameters) > 6000
    assert made.profiles_of("Device.Time.Enable")
