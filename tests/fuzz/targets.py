"""What is fuzzed: each target takes any bytes and raises nothing, unless there is a mistake to mend.

A target is a context manager that gives a function of bytes, so that one may need a running node. What a
parser may raise for bad input is caught here; everything else is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

Run = Callable[[bytes], None]
Target = Callable[[], AbstractContextManager[Run]]
TARGETS: dict[str, Target] = {}


def target(make: Callable[[], Iterator[Run]]) -> Target:
    """Register a target under its name."""
    made = TARGETS[make.__name__] = contextmanager(make)
    return made


@target
def codec() -> Iterator[Run]:
    """CWMP messages: whatever is read can be written, and reads the same again."""
    from acs.cwmp import DecodeError, Limits, decode, encode
    from acs.cwmp import messages as m

    limits = Limits(max_bytes=100_000, max_elements=2000, max_depth=64)

    def run(data: bytes) -> None:
        charset = ["utf-8", "latin-1", "utf-16", None][data[0] % 4] if data else None
        try:
            envelope = decode(data[1:], charset=charset, limits=limits)
        except DecodeError:
            return
        if isinstance(envelope.message, m.UnknownMethod):
            return
        header = m.Header(id=envelope.header.id or "1")
        again = decode(encode(envelope.message, namespace=envelope.namespace, header=header))
        assert type(again.message) is type(envelope.message)

    yield run


@target
def session() -> Iterator[Run]:
    """The session's table of states, fed with one message after another."""
    from tests.cwmp.shell import Shell

    def run(data: bytes) -> None:
        shell = Shell(2)
        for part in data.split(b"\x00\xff\x00")[:6]:
            shell.post(part)

    yield run


@target
def authorization() -> Iterator[Run]:
    """Headers by which devices prove who they are, and cookies."""
    from acs.security import digest
    from acs.southbound.ticket import Tickets

    tickets = Tickets(b"k" * 32)
    nonces = digest.Nonces(b"n" * 32)

    def run(data: bytes) -> None:
        text = data.decode("latin-1")
        found = digest.parse(text)
        if found is not None and found.fields is not None:
            nonces.check(found.fields.get("nonce", ""), 0.0)
        assert tickets.open(text) is None

    yield run


@target
def http() -> Iterator[Run]:
    """The front of a live node: any bytes on a connection without TLS."""
    from tests.fuzz.live import Live

    with Live() as live:
        yield live.wire


@target
def posts() -> Iterator[Run]:
    """The endpoint of a live node: any body within the session of a device that proved who it is."""
    from tests.fuzz.live import Live

    with Live() as live:
        yield live.post


@target
def stun() -> Iterator[Run]:
    """Datagrams at the STUN server: an answer is never large, and only requests are answered."""
    from acs.cwmp.stun import StunError, decode, encode, mapped_address
    from acs.southbound.stun.rules import judge

    source, own = ("192.0.2.1", 4000), ("198.51.100.1", 3478)

    def run(data: bytes) -> None:
        try:
            message = decode(data)
        except StunError:
            message = None
        else:
            assert decode(encode(message)).kind == message.kind
            with suppress(StunError):
                mapped_address(message)
        for password in ("", "secret"):
            verdict = judge(
                data, source, own=own, password_of=lambda _, word=password: word, known=lambda _: None
            )
            assert len(verdict.answer) <= 3 * max(len(data), 20)
            assert message is not None or not verdict.answer

    yield run


@target
def datagrams() -> Iterator[Run]:
    """UDP connection requests and lightweight notifications."""
    from acs.cwmp.lightweight import NotificationError, parse_notification
    from acs.cwmp.udp_request import UdpRequestError, parse_request

    def run(data: bytes) -> None:
        with suppress(UdpRequestError):
            parse_request(data).signed_with("secret")
        with suppress(NotificationError):
            assert not parse_notification(data).signed_with("")

    yield run


@target
def listeners() -> Iterator[Run]:
    """What a device's connection-request listener answers, and its challenges."""
    from acs.security.digest_client import answer_challenge, best_challenge, parse_challenges
    from acs.southbound.connection_requests.http_answer import AnswerError, parse_answer

    def run(data: bytes) -> None:
        for ended in (False, True):
            with suppress(AnswerError):
                parse_answer(data, ended=ended)
        best = best_challenge(parse_challenges([data.decode("latin-1")]))
        if best is not None:
            answer_challenge(best, "u", "p", method="GET", uri="/", cnonce="c")

    yield run


@target
def bulkdata() -> Iterator[Run]:
    """Bulk data reports in every format."""
    from acs.bulkdata.parse import REPORT_FORMATS, decompress, parse_message
    from acs.bulkdata.report import BulkDataError, Limits

    limits = Limits(bytes=50_000, samples=2000, parameters=500)
    formats = ["", *REPORT_FORMATS]

    def run(data: bytes) -> None:
        if not data:
            return
        name = formats[data[0] % len(formats)]
        media = "application/json" if REPORT_FORMATS.get(name) == "JSON" else "text/csv"
        headers = {"bbf-report-format": name, "content-type": f"{media}; charset=utf-8"} if name else {}
        try:
            body = decompress(data[1:], "gzip" if data[0] > 200 else "", limit=limits.bytes)
            parse_message(body, headers, now=1.8e9, limits=limits)
        except BulkDataError:
            pass

    yield run


@target
def pm() -> Iterator[Run]:
    """PM files of TS 32.435 and the PmFile dialect, whole and in pieces."""
    from acs.bulkdata.pm import parse_pm_file
    from acs.bulkdata.report import BulkDataError

    def run(data: bytes) -> None:
        outcomes = []
        for size in (len(data) or 1, 7):
            chunks = [data[at : at + size] for at in range(0, len(data), size)]
            try:
                outcomes.append(len(parse_pm_file(chunks, now=1.8e9).reports))
            except BulkDataError:
                outcomes.append(-1)
        assert outcomes[0] == outcomes[1]

    yield run


@target
def data_models() -> Iterator[Run]:
    """Documents of the BBF's data-model schema that an operator imports."""
    import tempfile
    from pathlib import Path

    from acs.datamodel.importer import import_models
    from acs.errors import AcsError

    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "tr-000-1-0-0.xml"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(AcsError):
            import_models(path, root="Device.")

    yield run
    folder.cleanup()


@target
def addresses() -> Iterator[Run]:
    """Where a device says that it can be called."""
    from acs.cwmp.stun import StunError, parse_endpoint
    from acs.southbound.connection_requests import CallError
    from acs.southbound.connection_requests.http import check_url

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        with suppress(StunError):
            parse_endpoint(text)
        with suppress(CallError):
            assert check_url(text).scheme in ("http", "https")

    yield run
