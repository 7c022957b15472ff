"""PM files: TS 32.435 in its forms and versions, the PmFile dialect, and hostile ones."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.bulkdata import Batch, BulkDataError
from acs.bulkdata.pm import PmLimits, parse_pm_file

NOW = 1_800_000_000.0
NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"
END = 1_796_119_200.0

MEAS = f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="MeasDataCollection.xsl"?>
<measCollecFile xmlns="{NAMESPACE}">
 <fileHeader fileFormatVersion="32.435 V10.0" vendorName="ACME" dnPrefix="DC=op.com">
  <fileSender localDn="ManagedElement=A1" elementType="LTE_Femto"/>
  <measCollec beginTime="2026-12-01T09:45:00Z"/>
 </fileHeader>
 <measData><managedElement localDn="ManagedElement=A1" swVersion="R2026A"/>
  <measInfo measInfoId="RRC"><job jobId="1"/>
   <granPeriod duration="PT900S" endTime="2026-12-01T10:00:00Z"/><repPeriod duration="PT900S"/>
   <measType p="1">RRC.AttConnEstab</measType>
   <measType p="2">RRC.ConnMean</measType><measType p="3">X</measType>
   <measValue measObjLdn="EUtranCell=1"><r p="1">42</r><r p="2">1.25</r><r p="3">NIL</r></measValue>
   <measValue measObjLdn="EUtranCell=2"><r p="2">0.5</r><r p="1"/><suspect>true</suspect></measValue>
  </measInfo>
  <measInfo measInfoId="S1">
   <granPeriod duration="PT15M" endTime="2026-12-01T11:00:00+01:00"/>
   <measTypes>S1SIG.ConnEstabAtt S1SIG.ConnEstabSucc</measTypes>
   <measValue measObjLdn="EUtranCell=1"><measResults>7 6</measResults><suspect>false</suspect></measValue>
  </measInfo></measData>
 <fileFooter><measCollec endTime="2026-12-01T10:00:00Z"/></fileFooter></measCollecFile>"""

PM_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<PmFile xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:noNamespaceSchemaLocation="PmFileFormat.xsd">
 <FileHeader><VendorName>V</VendorName><BeginTime>2026-12-01T17:45:00+08:00</BeginTime>
  <EndTime>2026-12-01T18:00:00+08:00</EndTime></FileHeader>
 <Measurements><ObjectType>EutranCellTdd</ObjectType>
  <PmName><N i="1">RRC.SetupTimeMean</N><N i="2">RRC.AttConnEstab._Cause</N><N i="3">RRC.ConnMax</N></PmName>
  <PmData><Pm Dn="EnbFunction=1,EutranCellTdd=1" UserLabel="BJ01"><V i="1">12</V>
   <CV i="2"><SN>RRC.AttConnEstab.Emergency</SN><SV>3</SV><SN>RRC.AttConnEstab.MT</SN><SV>4</SV></CV>
   <V i="3">9</V></Pm></PmData>
 </Measurements>
 <Measurements><ObjectType>Sctp</ObjectType><PmName><N i="1">SCTP.Loss</N></PmName>
  <PmData><Pm Dn="Sctp=1"><V i="1">0.01</V></Pm></PmData></Measurements>
</PmFile>"""


def read(text: str | bytes, /, chunk: int = 100, **limits) -> Batch:
    body = text if isinstance(text, bytes) else text.encode()
    chunks = (body[start : start + chunk] for start in range(0, len(body), chunk))
    return parse_pm_file(chunks, now=NOW, limits=PmLimits(**limits))


def facts(batch: Batch) -> list[tuple]:
    return [
        (each.source, each.collected_at, each.period, {s.name: s.value for s in each.samples})
        for each in batch.reports
    ]


RRC = {
    "EUtranCell=1/RRC.AttConnEstab": 42,
    "EUtranCell=1/RRC.ConnMean": 1.25,
    "EUtranCell=1/X": None,
    "EUtranCell=2/RRC.ConnMean": 0.5,
    "EUtranCell=2/RRC.AttConnEstab": None,
}
S1 = {"EUtranCell=1/S1SIG.ConnEstabAtt": 7, "EUtranCell=1/S1SIG.ConnEstabSucc": 6}


def test_both_forms_of_names_and_results():
    found = read(MEAS)
    assert facts(found) == [("RRC", END, 900.0, RRC), ("S1", END, 900.0, S1)]
    assert {s.name for s in found.reports[0].samples if s.suspect} == {
        "EUtranCell=2/RRC.ConnMean",
        "EUtranCell=2/RRC.AttConnEstab",
    }
    assert not found.repairs


@pytest.mark.parametrize(
    "root",
    [
        "<measCollecFile>",
        '<measCollecFile xmlns="urn:other">',
        '<p:measCollecFile xmlns:p="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">',
        '<measDataFile xmlns="http://www.3gpp.org/ftp/specs/archive/28_series/28.550#measData">',
    ],
)
def test_versions_of_the_namespace(root):
    name = root[1:].rstrip(">").partition(" ")[0]
    text = MEAS.replace(f'<measCollecFile xmlns="{NAMESPACE}">', root).replace(
        "</measCollecFile>", f"</{name}>"
    )
    assert facts(read(text))[0][3] == RRC


def test_gzip_in_pieces():
    assert facts(read(gzip.compress(MEAS.encode()), chunk=7)) == facts(read(MEAS))


def test_the_dialect_with_lists_of_its_own():
    assert facts(read(PM_FILE)) == [
        (
            "EutranCellTdd",
            END,
            900.0,
            {
                "EnbFunction=1,EutranCellTdd=1/RRC.SetupTimeMean": 12,
                "EnbFunction=1,EutranCellTdd=1/RRC.AttConnEstab.Emergency": 3,
                "EnbFunction=1,EutranCellTdd=1/RRC.AttConnEstab.MT": 4,
                "EnbFunction=1,EutranCellTdd=1/RRC.ConnMax": 9,
            },
        ),
        ("Sctp", END, 900.0, {"Sctp=1/SCTP.Loss": 0.01}),
    ]


def test_objects_of_several_managed_elements_are_told_apart():
    element = '<managedElement localDn="ManagedElement={}" swVersion="R2026A"/>'
    first = MEAS.index("<measData>"), MEAS.index("</measData>") + len("</measData>")
    other = MEAS[slice(*first)].replace(element.format("A1"), element.format("B2")).replace(">42<", ">1<")
    found = read(MEAS[: first[1]] + other + MEAS[slice(*first)] + MEAS[first[1] :])
    assert [each.source for each in found.reports] == ["RRC", "S1"] * 3
    assert facts(found)[0][3] == facts(found)[4][3] == RRC
    assert facts(found)[2][3]["ManagedElement=B2,EUtranCell=1/RRC.AttConnEstab"] == 1


def test_a_period_without_an_end_is_reckoned_from_where_the_file_begins():
    found = read(MEAS.replace(' endTime="2026-12-01T10:00:00Z"/><repPeriod', "/><repPeriod"))
    assert [(each.collected_at, each.period) for each in found.reports] == [(END, 900.0), (END, 900.0)]
    # Without either it is known only that it came now; then a file that comes twice would count twice.
    bare = MEAS.replace(' beginTime="2026-12-01T09:45:00Z"', "").replace(
        ' endTime="2026-12-01T10:00:00Z"', ""
    )
    assert read(bare).reports[0].collected_at is None


def test_what_does_not_fit_is_told():
    text = MEAS.replace('<measType p="3">X</measType>', "").replace(
        "2026-12-01T10:00:00Z", "1970-01-01T00:15:00Z"
    )
    found = read(text)
    assert found.reports[0].collected_at is None
    assert "position '3' of RRC has no name" in found.repairs[0]
    assert any("no end time" in each for each in found.repairs)
    twice = MEAS.replace('measObjLdn="EUtranCell=2"', 'measObjLdn="EUtranCell=1"')
    assert facts(read(twice))[0][3]["EUtranCell=1/RRC.AttConnEstab"] == 42


ENTITY = '<!DOCTYPE measCollecFile [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {c} "{f"&{p};" * 10}">' for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("no", "no XML"),
        (MEAS[:-40], "no XML"),
        ("<mdc/>", "'mdc' is that of no PM file"),
        ("<measCollecFile/>", "no measurement"),
        (f"{ENTITY}<measCollecFile>&x;</measCollecFile>", "document type declaration"),
        (f"{LAUGHS}<PmFile>&i;</PmFile>", "document type declaration"),
        ('<!DOCTYPE mdc SYSTEM "http://127.0.0.1:9/x.dtd"><mdc/>', "document type declaration"),
        ("<measCollecFile>" + "<a>" * 20, "too deep"),
        ("<measCollecFile>" + "<a>" * 100_000, "too deep"),
        ("<measCollecFile " + " ".join(f'a{n}="1"' for n in range(40)) + "/>", "too many attributes"),
        (b"\x1f\x8b\x08\xffdamaged", "damaged"),
        (gzip.compress(MEAS.encode())[:-20], "cut off"),
    ],
)
def test_what_can_not_be_read_is_named(text, why):
    with pytest.raises(BulkDataError, match=why):
        read(text, chunk=4096)


@pytest.mark.parametrize(
    ("text", "limits", "why"),
    [
        (MEAS, {"bytes": 500}, "more than 500 bytes"),
        (gzip.compress(b"<measCollecFile>" + b"<a/>" * 10**6), {"bytes": 10**6}, "when decompressed"),
        (MEAS, {"elements": 5}, "more than 5 elements"),
        (MEAS, {"samples": 3}, "more than 3 results"),
        (MEAS, {"columns": 2}, "more than 2 measurements"),
        (MEAS, {"reports": 1}, "more than 1 groups"),
        (
            f"<PmFile><FileHeader><VendorName>{'x' * 2000}</VendorName></FileHeader></PmFile>",
            {"text": 1000},
            "1000 char",
        ),
    ],
)
def test_more_than_is_allowed_is_refused_with_413(text, limits, why):
    with pytest.raises(BulkDataError, match=why) as error:
        read(text, chunk=4096, **limits)
    assert error.value.status == 413


def outcome(body: bytes) -> Batch | BulkDataError:
    try:
        return read(body)
    except BulkDataError as error:
        return error


tags = st.sampled_from(
    [
        "measInfo",
        "measType",
        "measTypes",
        "measValue",
        "measResults",
        "r",
        "granPeriod",
        "N",
        "V",
        "CV",
        "SN",
        "SV",
        "Pm",
    ]
)
attributes = st.dictionaries(
    st.sampled_from(["p", "i", "endTime", "duration", "measObjLdn", "Dn"]),
    st.sampled_from(["1", "", "PT1S", "P", "2026-12-01T10:00:00Z", "x", "é"]),
    max_size=2,
)
leaves = st.sampled_from(["1", "a b", "NIL", "", "&amp;", "9" * 30])


@st.composite
def elements(draw, depth: int = 3) -> str:
    tag = draw(tags)
    inside = (
        draw(leaves)
        if depth == 0
        else draw(st.one_of(leaves, st.lists(elements(depth - 1), max_size=4).map("".join)))
    )
    given_ = "".join(f' {name}="{value}"' for name, value in draw(attributes).items())
    return f"<{tag}{given_}>{inside}</{tag}>"


@given(st.sampled_from(["measCollecFile", "PmFile"]), st.lists(elements(), max_size=6))
def test_any_document_is_read_or_refused(root, parts):
    found = outcome(f"<{root}>{''.join(parts)}</{root}>".encode())
    assert isinstance(found, BulkDataError) or found.samples


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    assert isinstance(outcome(body), BulkDataError)


@given(st.integers(0, len(MEAS) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_file_is_read_or_refused(at, junk):
    body = MEAS.encode()
    found = outcome(body[:at] + junk + body[at + len(junk) :])
    assert isinstance(found, BulkDataError) or found.samples


def test_a_long_name_of_an_object_is_not_copied_for_each_result():
    """Megabytes, ten thousand times: a file that is small when compressed would keep the ACS busy."""
    names = "".join(f'<measType p="{n}">m{n}</measType>' for n in range(9000))
    results = "".join(f'<r p="{n}">1</r>' for n in range(9000))
    values = f'<measValue measObjLdn="{"x" * 9_000_000}">{results}</measValue>' * 3
    file = f"<measCollecFile><measData><measInfo>{names}{values}</measInfo></measData></measCollecFile>"
    with pytest.raises(BulkDataError, match="too long"):
        read(gzip.compress(file.encode(), 1), chunk=100_000)


def test_an_object_has_so_many_results_and_no_more():
    results = "".join(f'<r p="{n}">1</r>' for n in range(300))
    file = f'<measCollecFile><measData><measInfo><measValue measObjLdn="a">{results}</measValue></measInfo>'
    with pytest.raises(BulkDataError, match="more than 200 results"):
        read(f"{file}</measData></measCollecFile>", columns=200)
