"""Conditions and ranges of RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.southbound.files.ranges import Part, http_date, part_wanted

AT = 1_800_000_000.9
FACTS = {"etag": "abc", "modified": AT, "size": 100}
WHOLE = Part(200, 0, 100)
EARLIER, SAME = http_date(AT - 60), http_date(AT)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, WHOLE),
        ({"Range": "bytes=0-9"}, Part(206, 0, 10)),
        ({"Range": "bytes=90-"}, Part(206, 90, 100)),
        ({"Range": "bytes=-10"}, Part(206, 90, 100)),
        ({"Range": "bytes=-1000"}, Part(206, 0, 100)),
        ({"Range": "bytes=0-1000"}, Part(206, 0, 100)),
        ({"Range": "Bytes = 1 - 2"}, Part(206, 1, 3)),
        ({"Range": "bytes=100-"}, Part(416)),
        ({"Range": "bytes=-0"}, Part(416)),
        ({"Range": "bytes=5-4"}, WHOLE),
        ({"Range": "bytes=0-1,5-6"}, WHOLE),
        ({"Range": "bytes=-"}, WHOLE),
        ({"Range": "lines=1-2"}, WHOLE),
        ({"Range": "bytes=1-2", "If-Range": '"abc"'}, Part(206, 1, 3)),
        ({"Range": "bytes=1-2", "If-Range": '"other"'}, WHOLE),
        ({"Range": "bytes=1-2", "If-Range": 'W/"abc"'}, WHOLE),
        ({"Range": "bytes=1-2", "If-Range": SAME}, Part(206, 1, 3)),
        ({"Range": "bytes=1-2", "If-Range": EARLIER}, WHOLE),
        ({"If-None-Match": '"abc"'}, Part(304)),
        ({"If-None-Match": 'W/"abc", "x"'}, Part(304)),
        ({"If-None-Match": "*"}, Part(304)),
        ({"If-None-Match": '"x"', "If-Modified-Since": SAME}, WHOLE),
        ({"If-Modified-Since": SAME}, Part(304)),
        ({"If-Modified-Since": EARLIER}, WHOLE),
        ({"If-Modified-Since": "yesterday"}, WHOLE),
        ({"If-Match": '"abc"'}, WHOLE),
        ({"If-Match": '"x"'}, Part(412)),
        ({"If-Match": 'W/"abc"'}, Part(412)),
        ({"If-Unmodified-Since": EARLIER}, Part(412)),
        ({"If-Unmodified-Since": SAME}, WHOLE),
    ],
)
def test_the_part_that_is_wanted(headers, part):
    assert part_wanted(headers, **FACTS) == part


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 200))
def test_whatever_is_asked_stays_within_the_file(wanted, if_range, size):
    for value in (wanted, f"bytes={wanted}"):
        part = part_wanted({"Range": value, "If-Range": if_range}, etag="abc", modified=AT, size=size)
        assert part.status in (200, 206, 416)
        assert 0 <= part.start <= part.end <= size


@given(st.integers(0, 10**17), st.integers(0, 10**17), st.integers(1, 200))
def test_a_range_is_what_it_says(first, last, size):
    part = part_wanted({"Range": f"bytes={first}-{last}"}, etag="abc", modified=AT, size=size)
    if part.status == 206:
        assert (part.start, part.end) == (first, min(last + 1, size))
    else:
        assert last < first or first >= size
