"""A case for others: JSON with a stable schema, an HTML page that no device can make do anything."""

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser

import pytest
from sqlalchemy import update

from acs import remediation as rm
from acs.store.tables import alarm_events, alarms, devices, journal
from tests.world import World

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'};alert(1)//",
    "</style><iframe src=//evil.example>",
    "{{ 7*7 }}{% for a in b %}",
    "\u202egnp.exe\x1b[31m\x00",
    "&lt;script&gt;",
]
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "table",
    "tr",
    "th",
    "td",
    "span",
    "br",
}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.boot()
    made.tamper("configuration-modified", until="reboot")
    return made


def _export(world: World, now: float = 1.0) -> rm.CaseExport:
    (case,) = world.cases()
    return world.look(rm.export_case, case.id, who="somebody", now=now)


def test_the_json_has_its_schema_and_the_digest_of_its_content(world):
    told = json.loads(rm.export_json(_export(world)))
    assert told["schema"] == "femto-acs/case/1"
    assert set(told) == {"schema", "exported_at", "exported_by", "sha256", "content"}
    content = json.dumps(told["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(content.encode()).hexdigest() == told["sha256"]
    assert (told["content"]["outcome"], told["content"]["device"]["device_key"]) == ("REMEDIATED", world.key)
    assert "S1 L15" in told["content"]["opened_because"]
    assert [each["kind"] for each in told["content"]["timeline"]].count("closed") == 1


def test_two_exports_of_a_case_have_the_same_digest(world):
    first, second = _export(world, 1.0), _export(world, 2.0)
    assert first.sha256 == second.sha256
    assert rm.export_json(first) != rm.export_json(second)


def test_the_page_needs_nothing_and_forbids_everything(world):
    page = _Page(rm.export_html(_export(world)).decode())
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert {tag for tag, _ in page.tags} <= ALLOWED
    assert not [attrs for _, attrs in page.tags if {"src", "href", "style"} & set(attrs)]
    assert "SetParameterValues" in page.text
    assert _export(world).sha256 in page.text


def _say(world: World, text: str) -> str:
    """Have the device say this wherever it has a word; return the page."""
    with world.conn.begin():
        world.conn.execute(update(alarms).values(additional_text=text))
        world.conn.execute(update(devices).values(product_class=text, software_version=text))
        world.conn.execute(update(journal).values(detail=text, because=text))
        world.conn.execute(update(alarm_events).values(event_time=text, source=text))
    return rm.export_html(_export(world)).decode()


@pytest.fixture(scope="module")
def talker() -> World:
    made = World()
    made.boot()
    made.tamper("configuration-modified")
    return made


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_a_device_says_becomes_part_of_the_page(talker, text):
    harmless = [tag for tag, _ in _Page(_say(talker, "harmless")).tags]
    shown = _say(talker, text)
    page = _Page(shown)
    assert [tag for tag, _ in page.tags] == harmless
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "src"]
    visible = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
    assert visible in page.text
    assert not {"\u202e", "\x1b", "\x00"} & set(shown)
    told = json.loads(rm.export_json(_export(talker)))
    assert told["content"]["device"]["product_class"] == text
