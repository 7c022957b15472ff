"""2.5: every field is escaped for the place it is written to. 2.11: hostile identities get nowhere."""

from __future__ import annotations

import io
import json
import re

import pytest
import structlog
from lxml import etree
from sqlalchemy import text

from acs import devices as dev
from acs.cli import main
from acs.cli.output import console, defused, print_json, print_progress, print_table
from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.observability import configure_logging
from cwmp_schemas import schema
from tests.interop.steps import enqueue, provisioned
from tests.interop.wire import connected
from tests.southbound.conftest import OUI, SERIAL, bench, body_of, inform

__all__ = ["bench"]

HOSTILE = [
    "<b onclick=alert(1)>&amp;]]>",
    "'; DROP TABLE devices; --",
    '" OR "1"="1',
    "../../../etc/passwd",
    "a\r\nSet-Cookie: session=evil",
    "\x1b[2J\x1b]0;owned\x07",
    '=HYPERLINK("http://evil")',
    "{{ 7*7 }} ${7*7} %s%n",
    "\u202egnp.exe",
    "\x9b2J\x9d0;owned\x9c\x7f",
    "[red]markup[/red]",
    "x" * 5000,
]
IDS = [f"{number}" for number in range(len(HOSTILE))]
OBEYED = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
hostile = pytest.mark.parametrize("word", HOSTILE, ids=IDS)


def said(word: str, **fields: str) -> m.Inform:
    identity = {
        "manufacturer": word,
        "oui": OUI,
        "product_class": "HeNB-LTE",
        "serial_number": SERIAL,
        **fields,
    }
    value = m.ParameterValue("Device.DeviceInfo.Description", word)
    return m.Inform(m.DeviceId(**identity), (m.Event("2 PERIODIC"),), 1, "2026-01-01T00:00:00Z", 0, (value,))


def readable(word: str) -> str:
    """What XML can carry of a text: a sign stands for a control character, a line end is one character."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", word).replace("\r\n", "\n")


@pytest.mark.row("2.5")
@hostile
def test_in_xml_a_value_is_a_value(word):
    request = m.SetParameterValues((m.ParameterValue("Device.X", word),), word[:32])
    body = encode(request, namespace=m.CWMP_1_2, header=m.Header(id="1"))
    (value,) = decode(body).message.parameters
    assert value.value.replace("\r\n", "\n") == readable(word)
    assert schema(m.CWMP_1_2).validate(etree.fromstring(body))


@pytest.mark.row("2.5")
@hostile
async def test_in_sql_a_value_is_a_value(bench, word):
    async with bench.client() as http:
        await bench.post(http, said(word))
    device = await bench.node.store.read(dev.find, f"{OUI}-{SERIAL}")
    stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.")
    kept = stored["Device.DeviceInfo.Description"].value
    assert kept.replace("\r\n", "\n") == readable(word)[: len(kept)]
    assert await bench.node.store.read(dev.count) == 1


@pytest.mark.row("2.5")
@hostile
async def test_in_a_header_a_value_can_not_begin_another(bench, word):
    async with bench.client() as http:
        await provisioned(bench, http)
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        heard = await wire.post(body_of(m.Kicked(word, word, word, word)))
        assert {name.lower() for name, _ in heard.headers} <= {
            *("content-type", "content-length", "date", "server", "connection"),
        }
        heard = await wire.post(body_of(inform(), word))  # the ID is echoed in the body alone
        assert all("evil" not in value for _, value in heard.headers)


@pytest.mark.row("2.5")
@pytest.mark.parametrize("form", ["console", "json"])
@hostile
def test_in_a_log_a_value_is_one_value_on_one_line(form, word):
    stream = io.StringIO()
    configure_logging("info", form, stream)
    try:
        structlog.get_logger("acs.test").info("refused", why=word, device=word)
    finally:
        structlog.reset_defaults()
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    if form == "json":
        assert json.loads(line)["why"][:100] == word[:100]


@pytest.mark.row("2.5")
@hostile
def test_on_a_terminal_a_value_moves_no_cursor_and_is_no_markup(capsys, word):
    print_table("Devices", ["device"], [[word]])
    printed = capsys.readouterr().out
    assert not re.search(OBEYED, printed)
    if "markup" in word:
        assert "[red]markup[/red]" in printed


@pytest.mark.row("2.5")
@hostile
def test_no_sentence_and_no_json_on_a_terminal_moves_its_cursor(capsys, word):
    """The reason of a case, or of an error, has what a device said of it in it."""
    console.print(f"case 1: FAILED: {word}", markup=False)
    print_progress(word)
    print_json({"because": word})
    printed = capsys.readouterr()
    assert not re.search(OBEYED, printed.out + printed.err)
    assert json.loads(printed.out[printed.out.rindex("\n{\n") :])["because"] == word


@pytest.mark.row("2.5")
def test_a_fault_that_a_device_words_is_shown_and_not_obeyed(capsys, monkeypatch):
    """XML can't carry an escape, but the control characters that mean the same."""
    word = "\x9b2J\x9d0;owned\x9c"
    (value,) = decode(
        encode(m.SetParameterValues((m.ParameterValue("A", word),)), header=m.Header("1"))
    ).message.parameters
    assert value.value == word

    def fail() -> None:
        raise AcsError(f"fault 9002: {word}")

    monkeypatch.setattr("acs.cli.app", fail)
    with pytest.raises(SystemExit):
        main()
    assert not re.search(OBEYED, capsys.readouterr().err)


@pytest.mark.row("2.5")
@pytest.mark.parametrize(
    "word", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", " =1", "\uff1d1", HOSTILE[6]]
)
def test_in_csv_a_value_is_no_formula(word):
    assert defused(word).strip()[0] not in "=+-@\t\r\uff1d"


@pytest.mark.row("2.5")
async def test_names_of_files_stay_in_their_directory(bench):
    """A hostile identity or value makes no file anywhere: what is written has names of the ACS's own."""
    before = set(bench.node.settings.data.parent.rglob("*"))
    async with bench.client() as http:
        for word in HOSTILE:
            await bench.post(http, said(word))
            await bench.post(http, b"")
    new = {path.name for path in set(bench.node.settings.data.parent.rglob("*")) - before}
    assert all(re.fullmatch(r"acs\.db(-wal|-shm)?", name) for name in new)


IDENTITIES = [
    "../../x",
    "$(reboot)",
    "a.b",
    "nul\x00nul",
    "x" * 10_000,
    "А1",  # noqa: RUF001 - the Cyrillic letter is the test
    "a1 ",
    "A1\u200b",
    "%41%31",
    "'; --",
    "",
]


@pytest.mark.row("2.11")
@pytest.mark.parametrize("field", ["serial_number", "oui", "product_class"])
@pytest.mark.parametrize("word", IDENTITIES, ids=[f"{n}" for n in range(len(IDENTITIES))])
async def test_a_hostile_identity_is_refused_or_kept_as_the_text_it_is(bench, field, word):
    """The certificate speaks for A1 alone; whatever is claimed beside it makes no other device."""
    async with bench.client() as http:
        answer = await bench.post(http, said("ACME", **{field: word}))
    known = await bench.node.store.read(
        lambda conn: conn.execute(text("SELECT device_key FROM devices")).all()
    )
    if answer.status == 200:
        assert isinstance(answer.message, m.InformResponse | m.Fault)
        if field != "product_class" and isinstance(answer.message, m.InformResponse):
            assert readable(word).strip() in (SERIAL, SERIAL.lower(), OUI)
    else:
        assert answer.status in (400, 401, 403)
    assert {key for (key,) in known} <= {f"{OUI}-{SERIAL}"}
    for (key,) in known:
        assert re.fullmatch(r"[\w%.~-]+", key, re.ASCII)


@pytest.mark.row("2.11")
async def test_a_homoglyph_and_an_invisible_character_are_other_devices(bench):
    keys = {dev.device_key(OUI, word) for word in ("A1", "\u0410\u0031", "A1\u200b", "A1%", "a1")}
    assert len(keys) == 5
    assert all(re.fullmatch(r"[\w%.~-]+", key, re.ASCII) for key in keys)


@pytest.mark.row("2.5", "2.11")
async def test_a_queued_command_carries_hostile_text_to_the_device_as_text(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
    await enqueue(bench, device, m.GetParameterValues(("Device.<x>&\"'",)))
    async with connected(bench) as wire:
        await wire.post(body_of(inform()))
        heard = await wire.post()
        assert heard.message == m.GetParameterValues(("Device.<x>&\"'",))
