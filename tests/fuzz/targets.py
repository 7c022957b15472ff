"""What is fuzzed: each target takes any bytes and raises nothing, unless there is a mistake to mend.

A target is a context manager that gives a function of bytes, so that one may need a running node. What a
parser may raise for bad input is caught here; everything else is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

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
