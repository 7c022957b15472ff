"""The log: whatever devices send, an entry is one line; no secret of a frame gets into it."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from acs.observability import Metrics, configure_logging

HOSTILE = [
    "line\n2026-01-01T00:00:00Z [info     ] forged",
    "carriage\rreturn",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "\x00\x08\x7f\x9b",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "\u202egnirts",
    "\ud800",
    '", "level": "error',
    "x" * 10_000,
    "\n" * 10_000,
]


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def logged(form: str, act, level: str = "debug") -> str:
    stream = io.StringIO()
    configure_logging(level, form, stream)
    act(structlog.get_logger("acs.test"))
    return stream.getvalue()


def assert_one_line(text: str) -> None:
    assert text.endswith("\n")
    assert text[:-1].isprintable(), ascii(text[:200])
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("where", ["value", "list", "message", "foreign"])
def test_an_entry_is_one_line_whatever_is_in_it(form, text, where):
    def act(log):
        match where:
            case "value":
                log.info("refused", why=text)
            case "list":
                log.info("refused", why=[text], facts={text: text.encode(errors="replace")})
            case "message":
                log.warning(text)
            case "foreign":
                logging.getLogger("library").warning("it sent %s", text)

    found = logged(form, act)
    assert_one_line(found)
    if form == "json":
        json.loads(found)
    if where == "value":
        assert len(found) < 13_000


@given(st.text(st.characters(codec=None)), st.sampled_from(["json", "console"]))
def test_any_text_makes_one_line(text, form):
    assert_one_line(logged(form, lambda log: log.info(text, value=text)))


def test_a_long_value_is_cut():
    found = json.loads(logged("json", lambda log: log.info("x", why="a" * 10_000)))
    assert found["why"] == "a" * 2000 + "…"


def fail(_: str = "") -> None:
    password = "a-secret-of-a-frame"
    raise ValueError(f"broken\n2026-01-01T00:00:00Z [info     ] forged\x1b[31m {len(password)}")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("own", [True, False])
def test_an_exception_has_its_traceback_but_no_local_variables_and_forges_no_line(form, own):
    def act(log):
        try:
            fail()
        except ValueError:
            (log if own else logging.getLogger("library")).exception("failed")

    found = logged(form, act)
    assert "ValueError: broken" in found
    assert "in fail" in found
    assert "a-secret-of-a-frame" not in found
    assert "\x1b" not in found
    lines = found.splitlines()
    if form == "json":
        assert len(lines) == 1
    else:
        assert all(line.startswith("    ") for line in lines[1:])


def test_an_entry_says_when_where_and_how_bad():
    found = json.loads(logged("json", lambda log: log.warning("refused", device="0005B9-A1")))
    assert found["timestamp"].endswith("Z")
    assert (found["event"], found["level"], found["logger"]) == ("refused", "warning", "acs.test")
    assert found["device"] == "0005B9-A1"


def test_below_the_level_nothing_is_logged():
    assert logged("json", lambda log: log.info("x"), level="warning") == ""
    assert logged("console", lambda log: log.error("x"), level="warning") != ""


def test_libraries_that_talk_much_are_quiet():
    assert logged("json", lambda _: logging.getLogger("aiohttp.access").info("GET /")) == ""


def test_each_node_has_metrics_of_its_own():
    one, other = Metrics(), Metrics()
    one.sessions.inc()
    assert one.registry.get_sample_value("acs_sessions_total") == 1
    assert other.registry.get_sample_value("acs_sessions_total") == 0
