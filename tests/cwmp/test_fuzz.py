"""Ten thousand damaged messages: nothing but DecodeError, and every answer is valid."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acs.cwmp import DecodeError, Limits, decode, encode
from acs.cwmp import messages as m
from tests.cwmp import strategies as draw
from tests.cwmp.shell import Shell

CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").glob("*.xml"))]
ROUNDS, PER_ROUND = 20, 500
LIMITS = Limits(max_bytes=200_000, max_elements=4_000, max_depth=64)

_TAG = re.compile(rb"</?[\w.:-]+[^<>]*>")
_TEXT = re.compile(rb">([^<>]*)<")
_NAME = re.compile(rb"</?([\w.:-]+)")
_SNIPPETS = (
    *(b"&", b"&x;", b"&#0;", b"&#xFFFF;", b"&#99999999;", b"&amp", b"<", b">", b"]]>", b"<![CDATA[", b"<!--"),
    *(b"-->", b"<?xml version='1.0'?>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"\0", b"\xff", b"\xed\xa0\x80"),
    *(b"\xef\xbf\xbf", b"xmlns=''", b"<a/>", b"<a", b"</soap-env:Body>", b"<soap-env:Fault/>", b"\x1b"),
    *(b"\xef\xbb\xbf", b"%s%n", b'"', b" ", b"\r\n", b"\xe2\x80\xa8"),
)
_NUMBERS = (
    *(b"-1", b"1e9", b"99999999999999999999", b"9" * 5000, b"NaN", b"0x7f", b" 1 ", b"\xd9\xa3", b"", b"1_0"),
    *(b"4294967296", b"2147483648", b"-2147483649", b"1.5", b"+"),
)
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp037", "cp1252")


def flip(rng, body):
    data = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def cut(rng, body):
    return body[: rng.randrange(len(body))]


def hole(rng, body):
    start = rng.randrange(len(body))
    return body[:start] + body[start + rng.randint(1, 60) :]


def insert(rng, body):
    at = rng.randrange(len(body))
    return body[:at] + rng.choice(_SNIPPETS) * rng.randint(1, 3) + body[at:]


def double(rng, body):
    start = rng.randrange(len(body))
    end = start + rng.randint(1, len(body))
    return body[:end] + body[start:end] * rng.randint(1, 3) + body[end:]


def swap_tags(rng, body):
    tags = list(_TAG.finditer(body))
    if len(tags) < 2:
        return body
    first, second = sorted(rng.sample(tags, 2), key=re.Match.start)
    middle = body[first.end() : second.start()]
    return body[: first.start()] + second[0] + middle + first[0] + body[second.end() :]


def rename(rng, body):
    names = sorted(set(_NAME.findall(body)))
    if not names:
        return body
    new = rng.choice([*names, *(name.encode() for name in m.METHODS), b"cwmp:Fault", b"x:y:z", b"Envelope"])
    return body.replace(rng.choice(names), new)


def replace_text(rng, body):
    texts = list(_TEXT.finditer(body))
    if not texts:
        return body
    start, end = rng.choice(texts).span(1)
    new = rng.choice([*_NUMBERS, *_SNIPPETS, b"x" * rng.randint(1, 5000)])
    return body[:start] + new + body[end:]


def nest(rng, body):
    at = rng.choice([match.start() for match in _TAG.finditer(body)] or [0])
    depth = rng.choice([5, 60, 300])
    return body[:at] + b"<n>" * depth + b"</n>" * (depth - rng.randint(0, 1)) + body[at:]


def recode(rng, body):
    return body.decode("utf-8", "replace").encode(rng.choice(_ENCODINGS), "replace")


def redeclare(rng, body):
    name = rng.choice([*_ENCODINGS, "UTF-8", "bogus", "ISO-2022-JP", ""]).encode()
    return re.sub(rb'encoding="[^"]*"', b'encoding="' + name + b'"', body, count=1)


def splice(rng, body):
    other = rng.choice(CORPUS)
    return body[: rng.randrange(len(body))] + other[rng.randrange(len(other)) :]


MUTATIONS = (
    flip, cut, hole, insert, double, swap_tags, rename, replace_text, nest, recode, redeclare, splice
)  # fmt: skip


def mutate(rng):
    body = rng.choice(CORPUS)
    for _ in range(rng.randint(1, 4)):
        if body:
            body = rng.choice(MUTATIONS)(rng, body)
    return body


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_damaged_messages_never_break_a_session(seed):
    rng = random.Random(seed)
    shell = Shell()
    answers = 0
    for _ in range(PER_ROUND):
        if rng.random() < 0.2:
            shell = Shell(rng.randint(0, 4))
        if rng.random() < 0.3:
            shell.post(rng.choice(CORPUS))
        charset = rng.choice([None, None, "utf-8", "latin-1", "utf-16", "bogus", "cp037"])
        answers += shell.post(mutate(rng), charset, LIMITS) is not None
    assert answers > PER_ROUND / 4


def test_the_damage_is_worth_the_while():
    """Both outcomes are common: a mutation that always or never destroys a message tests little."""
    rng = random.Random(1)
    refused = repaired = 0
    for _ in range(1000):
        try:
            repaired += bool(decode(mutate(rng), limits=LIMITS).repairs)
        except DecodeError:
            refused += 1
    assert refused > 100
    assert repaired > 100


@settings(draw.FIXED, max_examples=300)
@given(st.binary(max_size=400), st.none() | st.sampled_from(["utf-8", "utf-16", "latin-1", "bogus"]))
def test_any_bytes_are_answered(body, charset):
    Shell().post(body, charset)


_LEAF = draw.text(20).map(lambda text: re.sub(r"[<&\r]", "", text))
_LOCAL = st.sampled_from(sorted(m.METHODS)) | st.sampled_from(
    ["Name", "Value", "ParameterList", "Event", "EventStruct", "DeviceId", "FaultCode", "Fault", "AccessList"]
)
_TREES = st.recursive(
    _LEAF,
    lambda inner: st.builds(
        lambda name, prefix, children: f"<{prefix}{name}>{''.join(children)}</{prefix}{name}>",
        _LOCAL,
        st.sampled_from(["", "c:", "s:", "none:"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@settings(draw.FIXED, max_examples=500)
@given(st.lists(_TREES, max_size=2), st.lists(_TREES, max_size=3))
def test_any_tree_in_an_envelope_is_answered(header, body):
    text = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:c="urn:dslforum-org:cwmp-1-0">'
        f"<s:Header>{''.join(header)}</s:Header><s:Body>{''.join(body)}</s:Body></s:Envelope>"
    )
    shell = Shell(2)
    for _ in range(2):
        shell.post(text.encode())


@settings(draw.FIXED, max_examples=300)
@given(st.lists(draw.ANY_MESSAGE | draw.FAULTS | draw.UNKNOWN_METHODS | st.none(), max_size=6))
def test_any_sequence_of_good_messages_is_answered(messages):
    shell = Shell(3)
    for message in messages:
        shell.post(b"" if message is None else encode(message))
