"""Connection requests over XMPP, through a real server to a simulated HeNB (TR-069 annex K)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.settings import load_settings
from acs.simulator import Fleet
from acs.southbound.connection_requests import Reason, Target, XmppWay
from tests.southbound.conftest import make_bench
from tests.southbound.prosody import DOMAIN, missing, prosody

pytest.importorskip("slixmpp", reason="the extra xmpp is not installed")
from acs.simulator.xmpp import JabberListener
from acs.xmpp import XmppStream, check_jabber_id
from tests.waiting import until

SECRET = "acs account"
PATIENCE = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if missing():
        pytest.skip(missing())
    with prosody(tmp_path_factory.mktemp("prosody")) as running:
        running.add("acs", SECRET)
        running.add("henb", "henb account")
        yield running


def settings(server, folder, **changes):
    (folder / "xmpp.password").write_text(SECRET + "\n")
    values = {
        "data": folder / "acs",
        "xmpp_jabber_id": f"acs@{DOMAIN}",
        "xmpp_password_file": folder / "xmpp.password",
        "xmpp_server": f"127.0.0.1:{server.port}",
        "xmpp_ca": server.ca,
        **changes,
    }
    return load_settings(None, values, {})


class Running:
    """Streams that are open while a test runs."""

    def __init__(self, *streams: XmppStream) -> None:
        self._streams = streams
        self._tasks: list[asyncio.Task] = []

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(each.run()) for each in self._streams]
        async with asyncio.timeout(PATIENCE):
            for each in self._streams:
                await each.ready.wait()

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def device(server, answer, name="henb", password="henb account"):
    return XmppStream(
        f"{name}@{DOMAIN}", password, ca=server.ca, server=("127.0.0.1", server.port), answer=answer
    )


def target(stream, password="right") -> Target:
    return Target("0005B9-A1", "acs", password, jabber_id=stream.full_jabber_id)


async def test_a_device_accepts_with_the_right_credentials_and_refuses_others(server, tmp_path):
    asked = []

    def answer(who, username, password):
        asked.append((who, username))
        return "" if password == "right" else "not-authorized"

    way, henb = XmppWay.from_settings(settings(server, tmp_path)), device(server, answer)
    async with Running(way.stream, henb):
        assert (await way.call(target(henb))).reason is Reason.ACCEPTED
        assert (await way.call(target(henb, "wrong"))).reason is Reason.UNAUTHORIZED
    assert asked == [(f"acs@{DOMAIN}", "acs")] * 2


@pytest.mark.parametrize("condition", ["resource-constraint"])
async def test_a_busy_device_says_so(server, tmp_path, condition):
    way, henb = XmppWay.from_settings(settings(server, tmp_path)), device(server, lambda *_: condition)
    async with Running(way.stream, henb):
        assert (await way.call(target(henb))).reason is Reason.BUSY


async def test_why_a_device_can_not_be_called(server, tmp_path):
    way = XmppWay.from_settings(settings(server, tmp_path))

    async def reason(jabber_id: str) -> Reason:
        return (await way.call(Target("k", "acs", "p", jabber_id=jabber_id))).reason

    assert await reason(f"henb@{DOMAIN}/gone") is Reason.UNAVAILABLE  # no stream yet
    async with Running(way.stream):
        assert await reason(f"henb@{DOMAIN}/gone") is Reason.OFFLINE
        assert await reason("henb@elsewhere.example/x") is Reason.REFUSED_ADDRESS
        assert await reason("@@") is Reason.BAD_ADDRESS
        assert await reason("localhost") is Reason.BAD_ADDRESS
        assert await reason("henb@" + "x" * 300) is Reason.BAD_ADDRESS


async def test_a_wrong_password_and_an_untrusted_server_are_told(server, tmp_path):
    """No stream opens, and the operator reads why with the next call."""
    for changes, words in [({"secret": "wrong"}, "password"), ({"xmpp_ca": None}, "not trusted")]:
        wanted = settings(server, tmp_path, **{k: v for k, v in changes.items() if k != "secret"})
        if "secret" in changes:
            wanted.xmpp_password_file.write_text(changes["secret"])
        way = XmppWay.from_settings(wanted)
        running = asyncio.create_task(way.stream.run())
        await until(lambda words=words, way=way: words in way.stream.trouble)
        outcome = await way.call(Target("k", "acs", "p", jabber_id=f"henb@{DOMAIN}/x"))
        assert outcome.reason is Reason.UNAVAILABLE
        assert words in outcome.text
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def stream_to(server, tmp_path):
    """Run the stream of an account that the server has."""
    server.add("acs", SECRET)
    stream = XmppWay.from_settings(settings(server, tmp_path)).stream
    task = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_stream_comes_back_when_the_server_does(tmp_path):
    if missing():
        pytest.skip(missing())
    with prosody(tmp_path) as server:
        async with stream_to(server, tmp_path) as stream, asyncio.timeout(PATIENCE):
            await stream.ready.wait()
            stream._client.abort()  # as a broken connection
            await until(lambda: not stream.ready.is_set())
            await stream.ready.wait()


async def test_a_connection_that_is_dead_is_noticed_and_made_anew(tmp_path, monkeypatch):
    if missing():
        pytest.skip(missing())
    monkeypatch.setattr("acs.xmpp._PING_EVERY", 0.05)
    monkeypatch.setattr("acs.xmpp._PING_PATIENCE", 0.5)
    with prosody(tmp_path) as server:
        async with stream_to(server, tmp_path) as stream, asyncio.timeout(PATIENCE):
            await stream.ready.wait()
            server.pause()
            await until(lambda: "did not answer a ping" in stream.trouble)
            assert not stream.ready.is_set()
            server.resume()
            await stream.ready.wait()


async def test_a_server_that_opens_no_stream_is_told_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("acs.xmpp._OPENING", 0.1)
    monkeypatch.setattr("acs.xmpp._FIRST_PAUSE", 0.01)
    calls = []

    async def silent(reader, writer):
        calls.append(1)
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    stream = XmppStream(f"acs@{DOMAIN}", "x", server=("127.0.0.1", port))
    task = asyncio.create_task(stream.run())
    await until(lambda: len(calls) > 1)
    assert stream.trouble == f"the XMPP server 127.0.0.1:{port} opened no stream in 0.1 s"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    listening.close()


async def test_a_command_for_a_henb_that_only_xmpp_reaches_is_done(server, tmp_path):
    given = settings(server, tmp_path)
    names = [each for each in given.__struct_fields__ if each.startswith("xmpp_")]
    async for bench in make_bench(tmp_path, **{name: getattr(given, name) for name in names}):
        fleet = Fleet(bench.vendor, bench.node.url, server_ca=given.data / "pki/server/ca.pem")
        await fleet.start()
        henb = fleet.add("B1")
        # A port at which nobody listens: only XMPP is left.
        henb.henb.tree.set("Device.ManagementServer.ConnectionRequestURL", "http://127.0.0.1:9/")
        fleet.power_on()
        listener = JabberListener(
            henb, f"henb@{DOMAIN}", "henb account", ca=server.ca, server=("127.0.0.1", server.port)
        )
        listening = asyncio.create_task(listener.run())
        store = bench.node.store

        async def known(store=store, henb=henb, listening=listening):
            assert not listening.done(), listening.exception()
            found = await store.read(dev.find, "0005B9-B1")
            good = found and found.provisioned_for and found.jabber_id and henb.resting
            return found if good else None

        found = await until(known)
        command = await store.write(
            cm.enqueue,
            found.id,
            m.GetParameterValues(("Device.DeviceInfo.",)),
            command_key="k",
            purpose="operator",
            now=store.clock(),
        )

        async def done(store=store, bench=bench, command=command):
            bench.clock[0] += 0.5  # until the call is due
            return (await store.read(cm.find_command, command.id)).succeeded

        await until(done)
        assert bench.metric("acs_connection_requests_total", way="xmpp", reason="accepted") >= 1
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await fleet.stop()


@pytest.mark.parametrize("text", ["", "localhost", "@localhost", "a@", "a b@localhost", "x" * 300])
def test_what_is_no_jabber_id_is_told(text):
    with pytest.raises(AcsError, match="no Jabber ID"):
        check_jabber_id(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"xmpp_password_file": None}, "needs xmpp_password_file"),
        ({"xmpp_server": "nowhere"}, "xmpp_server is 'nowhere'"),
        ({"xmpp_jabber_id": "acs"}, "no Jabber ID"),
    ],
)
async def test_wrong_settings_are_told(tmp_path, changes, words):
    (tmp_path / "p").write_text("x")
    values = {"xmpp_jabber_id": "acs@localhost", "xmpp_password_file": tmp_path / "p", **changes}
    with pytest.raises(AcsError, match=words):
        XmppWay.from_settings(load_settings(None, values, {}))
