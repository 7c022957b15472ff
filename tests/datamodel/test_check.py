"""What a parameter may be set to, by examples and by properties."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.datamodel import ParameterSpec, load_model, pattern_of

FAP = "Device.Services.FAPService.1."
LTE = f"{FAP}CellConfig.LTE."
HENB = load_model("henb")
BOUNDS = {
    "int": (-(2**31), 2**31 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "long": (-(2**63), 2**63 - 1),
    "unsignedLong": (0, 2**64 - 1),
}


def fault(path, value, kind="", model=HENB):
    problem = model.check(path, value, kind)
    return problem and problem.fault_code


def accepts(kind, value, **limits):
    return ParameterSpec("Device.X", kind, "W", **limits).check(value) is None


@pytest.mark.parametrize(
    ("path", "value", "kind", "code"),
    [
        (f"{LTE}EPC.TAC", "4711", "xsd:unsignedInt", None),
        (f"{LTE}EPC.TAC", "4711", "", None),
        (f"{LTE}EPC.TAC", "65536", "xsd:unsignedInt", 9007),
        (f"{LTE}EPC.TAC", "", "xsd:unsignedInt", 9007),
        (f"{LTE}EPC.TAC", "4711", "xsd:string", 9006),
        (f"{LTE}EPC.TAC", "65536", "xsd:string", 9006),
        (f"{LTE}EPC.PLMNList.7.PLMNID", "00101", "xsd:string", None),
        (f"{LTE}EPC.PLMNList.7.PLMNID", "0010111", "xsd:string", 9007),
        (f"{LTE}EPC.PLMNList.[home].PLMNID", "00101", "xsd:string", None),
        (f"{LTE}EPC.PLMNList.{{i}}.PLMNID", "00101", "xsd:string", 9005),
        (f"{LTE}EPC.PLMNList.PLMNID", "00101", "xsd:string", 9005),
        (f"{LTE}EPC.", "1", "", 9005),
        (f"{LTE}RAN.RF.DLBandwidth", "50", "xsd:string", None),
        (f"{LTE}RAN.RF.DLBandwidth", "50, 100", "xsd:string", None),
        (f"{LTE}RAN.RF.DLBandwidth", "50,51", "xsd:string", 9007),
        (f"{LTE}RAN.RF.DLBandwidth", "50", "xsd:unsignedInt", 9006),
        (f"{FAP}FAPControl.LTE.AdminState", "1", "xsd:boolean", None),
        (f"{FAP}FAPControl.LTE.AdminState", "true", "cwmp:boolean", None),
        (f"{FAP}FAPControl.LTE.AdminState", "TRUE", "xsd:boolean", 9007),
        (f"{FAP}FAPControl.LTE.OpState", "1", "xsd:boolean", 9008),
        (f"{FAP}FAPControl.LTE.OpState", "1", "xsd:string", 9008),
        (f"{FAP}AccessMgmt.LTE.AccessMode", "Closed Access", "", None),
        (f"{FAP}AccessMgmt.LTE.AccessMode", "closed access", "", 9007),
        (f"{FAP}AccessMgmt.LTE.AccessMode", "", "", 9007),
        (f"{FAP}AccessMgmt.LTE.MaxUEsServed", "-1", "xsd:int", None),
        (f"{FAP}AccessMgmt.LTE.MaxUEsServed", "-2", "xsd:int", 9007),
        (f"{FAP}Alias", "cell-of-the-house", "", None),
        (f"{FAP}Alias", "a" * 65, "", 9007),
        ("Device.UserInterface.TextColor", "FF8000", "xsd:hexBinary", None),
        ("Device.UserInterface.TextColor", "FF800000", "xsd:hexBinary", 9007),
        ("Device.UserInterface.ISPLogo", "AAEC", "xsd:base64", None),
        ("Device.UserInterface.ISPLogo", "AAEC", "xsd:base64Binary", None),
        ("Device.UserInterface.ISPLogo", "AAE", "xsd:base64Binary", 9007),
        ("Device.ManagementServer.PeriodicInformInterval", "0", "xsd:unsignedInt", 9007),
        ("Device.Nothing", "1", "xsd:string", 9005),
        ("", "", "", 9005),
    ],
)
def test_a_value_is_refused_with_the_fault_of_the_cpe(path, value, kind, code):
    assert fault(path, value, kind) == code


def test_a_problem_is_a_sentence_that_names_the_limit():
    problem = HENB.check(f"{LTE}EPC.TAC", "70000")
    assert problem is not None
    assert problem.text == "70000 is outside of 0..65535"
    assert "xsd:unsignedInt" in HENB.check(f"{LTE}EPC.TAC", "1", "xsd:string").text


def test_a_long_path_or_value_does_not_blow_up_the_problem():
    assert len(HENB.check("Device." + "x" * 10_000, "1").text) < 400
    assert len(HENB.check(f"{LTE}EPC.TAC", "9" * 10_000).text) < 400
    assert len(HENB.check(f"{LTE}EPC.TAC", "1", "x" * 10_000).text) < 400


def test_a_list_of_imsis_has_a_length_per_item_and_one_for_all():
    path = f"{FAP}AccessMgmt.UMTS.AccessControlList"
    imsi = "001010123456789"
    assert fault(path, ",".join([imsi] * 60)) is None
    assert fault(path, f"{imsi},{imsi}0") == 9007
    assert fault(path, ",".join([imsi] * 70)) == 9007


def test_the_mark_of_the_empty_value_is_no_value():
    assert accepts("string", "", values=("<empty>", "A"))
    assert accepts("string", "A", values=("<empty>", "A"))
    assert not accepts("string", "<empty>", values=("<empty>", "A"))
    assert not accepts("string", "", values=("A",))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("dateTime", "2026-01-31T10:00:00Z", "2026-02-31T10:00:00Z"),
        ("dateTime", "0001-01-01T00:00:00Z", "2026-01-31"),
        ("dateTime", "2026-01-31T10:00:00.123456+01:00", "yesterday"),
        ("IPAddress", "10.0.0.1", "10.0.0.256"),
        ("IPAddress", "2001:db8::1", "2001:db8::1::2"),
        ("IPAddress", "", "segw.femto.example"),
        ("list IPAddress", "10.0.0.1, 2001:db8::1", "10.0.0.1,x"),
        ("IPv4Address", "255.255.255.0", "::1"),
        ("IPPrefix", "10.0.0.0/8", "10.0.0.0"),
        ("IPPrefix", "2001:db8::/32", "10.0.0.0/33"),
        ("IPv4Prefix", "10.1.2.3/32", "::/0"),
        ("MACAddress", "00:05:b9:42:39:01", "0005B9423901"),
        ("UUID", "5f5a3c4e-0000-4000-8000-0123456789ab", "5f5a3c4e"),
        ("hexBinary", "00fF", "0"),
        ("base64", "", "a"),
        ("decimal", "-0.5", "1e3"),
        ("unsignedInt", "4294967295", "-1"),
        ("unsignedInt", "0", "٣"),
        ("StatsCounter64", "18446744073709551615", "18446744073709551616"),
        ("boolean", "false", "yes"),
    ],
)
def test_each_type_of_tr_106_accepts_its_own_values_alone(kind, good, bad):
    assert accepts(kind, good)
    assert not accepts(kind, bad)


@given(st.sampled_from(sorted(BOUNDS)), st.integers(-(2**65), 2**65))
def test_integers_are_accepted_just_within_their_type(kind, number):
    low, high = BOUNDS[kind]
    assert accepts(kind, str(number)) == (low <= number <= high)


@given(
    st.lists(st.tuples(st.integers(-99, 99) | st.none(), st.integers(-99, 99) | st.none()), max_size=3),
    st.integers(-120, 120),
)
def test_a_number_is_accepted_in_any_of_its_ranges(ranges, number):
    within = [(a is None or number >= a) and (b is None or number <= b) for a, b in ranges]
    assert accepts("int", str(number), ranges=tuple(ranges)) == (any(within) or not ranges)


@given(st.integers(0, 20), st.text(max_size=30))
def test_text_is_accepted_up_to_its_length(limit, text):
    assert accepts("string", text, maximum_length=limit) == (len(text) <= limit)


@given(st.integers(0, 20), st.binary(max_size=30))
def test_octets_are_counted_before_encoding(limit, octets):
    fits = len(octets) <= limit
    assert accepts("hexBinary", octets.hex(), maximum_length=limit) == fits
    assert accepts("base64", base64.b64encode(octets).decode(), maximum_length=limit) == fits


@given(st.datetimes(timezones=st.just(None)))
def test_every_time_is_accepted(moment):
    assert accepts("dateTime", moment.isoformat() + "Z") == ("T" in moment.isoformat())


@given(st.sampled_from(sorted(HENB.parameters)), st.text(max_size=40), st.text(max_size=12))
def test_check_always_answers(path, value, kind):
    spec = HENB.parameters[path]
    found = fault(path.replace("{i}", "3"), value, kind)
    assert found in ((None, 9006, 9007) if spec.writable else (9008,))


@given(st.text(alphabet="aZ.{}[]019", max_size=60), st.text(max_size=20))
def test_any_path_has_an_answer(path, value):
    assert fault(path, value) == 9005
    assert HENB.object(path) is None
    assert pattern_of(pattern_of(path)) == pattern_of(path)
