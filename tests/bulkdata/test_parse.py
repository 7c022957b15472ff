"""Bulk data messages: both encodings in both formats, as devices really write them, and hostile ones."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.bulkdata import Batch, BulkDataError, Dialect, Limits, decompress, parse_message

NOW = 1_800_000_000.0
AT = 1_799_999_000
ROWS = (
    "ReportTimestamp,ParameterName,ParameterValue,ParameterType\r\n"
    f"{AT},Device.A,25248,unsignedLong\r\n"
    f'{AT},Device.B,"a, ""b""\r\nc",string\r\n'
    f"{AT + 300},Device.A,-7,long\r\n"
)


def read(
    text: str | bytes, form: str = "", media_type: str = "", dialect: Dialect | None = None, **limits
) -> Batch:
    headers = {"bbf-report-format": form, "content-type": media_type}
    body = text if isinstance(text, bytes) else text.encode()
    return parse_message(body, headers, now=NOW, limits=Limits(**limits), dialect=dialect)


def values(batch: Batch) -> list[tuple[float | None, dict]]:
    return [(each.collected_at, {s.name: s.value for s in each.samples}) for each in batch.reports]


def test_parameter_per_row():
    found = read(ROWS, '"ParameterPerRow"', "text/csv; charset=UTF-8; header=present")
    assert values(found) == [
        (AT, {"Device.A": 25248, "Device.B": 'a, "b"\r\nc'}),
        (AT + 300, {"Device.A": -7}),
    ]
    assert [sample.kind for sample in found.reports[0].samples] == ["unsignedLong", "string"]
    assert not found.repairs


def test_parameter_per_row_without_times_or_header():
    found = read("ParameterName;ParameterValue;ParameterType\nX;1;int\n")
    assert values(found) == [(None, {"X": 1})]
    found = read(f"{AT},X,1,int\r\n{AT},Y,2,int\r\n", "ParameterPerRow")
    assert values(found) == [(AT, {"X": 1, "Y": 2})]


def test_parameter_per_column_with_reports_that_failed_before():
    text = f"ReportTimestamp,A,B\r\n{AT},1,x\r\n{AT + 60},2,\r\nReportTimestamp,A,B\r\n{AT + 120},3,z\r\n"
    assert values(read(text, "ParameterPerColumn")) == [
        (AT, {"A": 1, "B": "x"}),
        (AT + 60, {"A": 2, "B": ""}),
        (AT + 120, {"A": 3, "B": "z"}),
    ]


def test_rows_that_do_not_fit_their_header_are_told():
    found = read(f"ReportTimestamp,A,B,A\n{AT},1\n{AT + 1},1,2,3,4\n", "ParameterPerColumn")
    assert values(found) == [(AT, {"A": 1}), (AT + 1, {"A": 1, "B": 2})]
    assert "column 4" in found.repairs[0]
    assert "row 1 has 2 fields" in found.repairs[1]


def test_object_hierarchy_and_name_value_pair_come_to_the_same():
    nested = {"Device": {"M": {"1": {"Up": True, "S": "x"}, "2": {"N": 2**70, "F": 1.5, "L": ["a", "b"]}}}}
    flat = {
        "Device.M.1.Up": True,
        "Device.M.1.S": "x",
        "Device.M.2.N": str(2**70),
        "Device.M.2.F": 1.5,
        "Device.M.2.L": '["a","b"]',
    }
    one = read(
        json.dumps({"Report": [{"CollectionTime": AT, **nested}]}), "ObjectHierarchy", "application/json"
    )
    other = read(json.dumps({"Report": [{"CollectionTime": AT * 1000, **flat}]}), '"NameValuePair"')
    assert values(one) == [(AT, flat)]
    assert one.reports[0].samples[0].value is True
    assert values(other) == values(one)


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (AT, AT),
        (AT * 1000, AT),
        (str(AT), AT),
        ("2026-12-01T10:00:00Z", 1_796_119_200),
        ("2026-12-01T11:00:00,5+01:00", 1_796_119_200.5),
        ("2026-12-01T10:00:00", 1_796_119_200),
        (4711, None),  # it has been up so long and knows no time
        (86_400_000, None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        (AT + 10 * 365 * 86400, None),
        (True, None),
        ("nan", None),
        (1e300, None),
        ("yesterday", None),
        (None, None),
        ([1], None),
    ],
)
def test_a_collection_time_is_read_or_is_not_known(raw, at):
    found = read(json.dumps({"Report": [{"CollectionTime": raw, "A": 1}]}))
    assert found.reports[0].collected_at == at


def test_a_byte_order_mark_latin_1_and_damaged_utf_8():
    assert values(read(b"\xef\xbb\xbfReportTimestamp,A\n,1\n")) == [(None, {"A": 1})]
    assert values(read(b"A\n\xe9\n", media_type="text/csv; charset=ISO-8859-1")) == [(None, {"A": "é"})]
    found = read(b"A\n\xe9\n", media_type="text/csv; charset=utf-8")
    assert values(found) == [(None, {"A": "\ufffd"})]
    assert "byte 2" in found.repairs[0]


@pytest.mark.parametrize(
    ("text", "form", "media_type", "status", "why"),
    [
        ("{}", "", "", 400, 'no array "Report"'),
        ("[]", "", "application/json", 400, 'no array "Report"'),
        ('{"Report": [', "", "", 400, "no JSON"),
        ('{"Report": []}', "", "", 400, "no report"),
        ('{"Report": [3]}', "", "", 400, "report 1 is no JSON object"),
        ("", "ParameterPerRow", "", 400, "no report"),
        ("", "ParameterPerColumn", "", 400, "names no parameter"),
        ("A\n1", "XML", "", 415, "'XML' is unknown; known are ObjectHierarchy"),
        ("A\n1", "ParameterPerRow", "application/json", 415, "no format of application/json"),
        ("A\n1", "", "text/csv; charset=utf-7", 415, "'utf-7' is not understood"),
        ("A\n1", "", "text/csv; charset=hex", 415, "not understood"),
    ],
)
def test_what_can_not_be_taken_is_named(text, form, media_type, status, why):
    with pytest.raises(BulkDataError, match=why) as error:
        read(text, form, media_type)
    assert error.value.status == status


@pytest.mark.parametrize(
    ("text", "limits", "why"),
    [
        ('{"Report": ' + "[" * 100_000, {}, "nested deeper"),
        ('{"Report": [' + '{"a":' * 100_000, {}, "nested deeper"),
        ('{"Report": [' + '{"a":' * 40 + "1" + "}" * 40 + "]}", {}, "nested deeper than 32"),
        (json.dumps({"Report": [{"A": 1}] * 4}), {"reports": 3}, "4 reports"),
        (json.dumps({"Report": [{"A": 1, "B": 2}]}), {"parameters": 1}, "more than 1 param"),
        (json.dumps({"Report": [{"A": 1, "B": 2}] * 2}), {"samples": 3}, "more than 1 param"),
        (json.dumps({"Report": [{"A": 1}]}), {"bytes": 10}, "10 are taken"),
        ("A\n" + "1\n" * 9, {"reports": 3}, "3 rows"),
        ("A,B,C\n1,2,3\n", {"columns": 2}, "2 columns"),
        ("A\n" + "," * 100_000, {}, "10000 columns"),
        ("ParameterName,ParameterValue\nA" + ",1" * 100, {}, "64 columns"),
        ("ParameterName,ParameterValue\n" + "X,1\n" * 99, {"samples": 5, "reports": 5}, "5 rows"),
        ("ParameterName,ParameterValue\nA,1\nB,1\nC,1\n", {"parameters": 2}, "2 parameters"),
    ],
)
def test_more_than_is_allowed_is_refused_with_413(text, limits, why):
    with pytest.raises(BulkDataError, match=why) as error:
        read(text, **limits)
    assert error.value.status == 413


def test_long_names_and_values_are_left_out_and_told():
    found = read(
        json.dumps({"Report": [{"A" * 300: 1, "B": "x" * 99, "C": 1, "D": {"": 2}, "": 3}]}), value=50
    )
    assert values(found) == [(None, {"C": 1, "D.": 2})]
    assert len(found.repairs) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("007", "007"),
        ("-0", "-0"),
        ("+7", "+7"),
        ("7.0", "7.0"),
        ("\u0667", "\u0667"),
        ("", ""),
    ],
)
def test_text_becomes_a_number_where_that_loses_nothing(text, value):
    assert values(read(json.dumps({"Report": [{"A": text}]}))) == [(None, {"A": value})]
    assert values(read(f"A,B\n{text},1\n")) == [(None, {"A": value, "B": 1})]


def test_compressed_bodies_are_read_within_the_limit():
    plain = b"A\n1\n" * 1000
    assert decompress(gzip.compress(plain), "gzip", limit=9999) == plain
    assert decompress(zlib.compress(plain), "Deflate", limit=9999) == plain
    assert decompress(zlib.compress(plain, wbits=-15), "deflate", limit=9999) == plain
    assert decompress(plain, "identity", limit=9999) == plain
    for body, encoding, limit, status, why in (
        (gzip.compress(bytes(10**7)), "gzip", 10**6, 413, "when decompressed"),
        (gzip.compress(plain)[:-9], "gzip", 9999, 400, "cut off"),
        (b"no", "gzip", 9999, 400, "damaged"),
        (plain, "compress", 9999, 415, "'compress' is not understood"),
    ):
        with pytest.raises(BulkDataError, match=why) as error:
            decompress(body, encoding, limit=limit)
        assert error.value.status == status


@pytest.mark.parametrize("separators", [("", "\n", '"'), (",", ",", '"'), (",", "\n", ","), (",", "", "''")])
def test_separators_that_can_not_be_told_apart_are_refused(separators):
    with pytest.raises(BulkDataError):
        Dialect(*separators)


# --- properties ---------------------------------------------------------------------------------------

fields = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
dialects = st.sampled_from(
    [
        Dialect(),
        Dialect(";", "\n"),
        Dialect("\t", "\r\n"),
        Dialect("~~", "##", "'"),
        Dialect("|", "\u00a7", "\\"),
    ]
)


def write(rows: list[list[str]], dialect: Dialect) -> str:
    quote = dialect.escape
    end = dialect.row or "\r\n"
    return "".join(
        dialect.field.join(quote + field.replace(quote, quote * 2) + quote for field in row) + end
        for row in rows
    )


@given(st.lists(st.lists(fields, min_size=2, max_size=4), max_size=5), dialects)
def test_what_is_written_as_csv_is_read_again(rows, dialect):
    assert list(dialect.rows(write(rows, dialect), columns=9)) == rows


names = st.text("ABCdef123", min_size=1, max_size=6)
paths = st.lists(names, min_size=1, max_size=4).map(".".join)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    fields.filter(lambda text: not text.isdecimal()),
)


def nest(flat: dict) -> dict:
    tree: dict = {}
    for name, value in flat.items():
        *objects, leaf = name.split(".")
        inner = tree
        for each in objects:
            inner = inner.setdefault(each, {})
        inner[leaf] = value
    return tree


@given(st.dictionaries(paths, scalars, min_size=1, max_size=8))
def test_an_object_hierarchy_is_its_flat_parameters(flat):
    if any(name.startswith(f"{other}.") for name in flat for other in flat):
        return  # no parameter is an object too
    body = json.dumps({"Report": [{"CollectionTime": AT, **nest(flat)}]})
    assert values(read(body, "ObjectHierarchy")) == [(AT, flat)]


formats = st.sampled_from(["", "ObjectHierarchy", "NameValuePair", "ParameterPerRow", "ParameterPerColumn"])
words = st.lists(
    st.sampled_from(
        [*'{}[]:,"\\\r\n;', "Report", "ReportTimestamp", "ParameterName,ParameterValue", "1", "é"]
    )
)


def outcome(function, *args, **kwargs):
    """Return what comes out, an error too."""
    try:
        return function(*args, **kwargs)
    except BulkDataError as error:
        return error


@given(st.one_of(st.binary(max_size=300), words.map(lambda parts: "".join(parts).encode())), formats)
def test_any_body_is_read_or_refused(body, form):
    found = outcome(read, body, form)
    if isinstance(found, BulkDataError):
        assert found.status in (400, 413, 415)
        assert str(found)
    else:
        assert found.samples
        assert all(0 < len(sample.name) <= 256 for report in found.reports for sample in report.samples)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "gzip, deflate", "x"]))
def test_any_compressed_body_is_read_or_refused(body, encoding):
    found = outcome(decompress, body, encoding, limit=1000)
    assert found.status in (400, 413, 415) if isinstance(found, BulkDataError) else len(found) <= 1000
