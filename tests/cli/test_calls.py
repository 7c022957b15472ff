"""``acs devices call`` and ``call-credentials``."""

from __future__ import annotations

import io
import threading
import time

import pytest
from sqlalchemy import create_engine, select, update

from acs import devices as dev
from acs.security import Secrets
from acs.store.tables import commands, devices
from tests.waiting import until_in_thread

KEY = "0005B9-0005B9423901"


@pytest.fixture
def database(data):
    engine = create_engine(f"sqlite:///{data}/acs.db")
    with engine.begin() as conn:
        conn.execute(update(devices).values(admission="allowed", connection_request_at=time.time() + 300))
        conn.execute(update(devices).values(last_inform_at=None, connection_request_tried_at=None))
    yield engine
    engine.dispose()


def node(database, state: str = "sent", **columns) -> threading.Thread:
    """Do what a node and its device do when a call is due; ``columns`` is what came of it."""

    def due() -> bool:
        with database.connect() as conn:
            return bool(dev.due_connection_requests(conn, now=time.time(), limit=1))

    def run() -> None:
        until_in_thread(due)
        with database.begin() as conn:
            conn.execute(update(devices).values(connection_request_tried_at=time.time(), **columns))
            if "connection_request_error" not in columns:
                conn.execute(update(devices).values(last_inform_at=time.time()))
            if "connection_request_error" not in columns or state != "sent":
                conn.execute(update(commands).where(commands.c.state == "queued").values(state=state))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_device_is_called_at_once_and_its_coming_is_told(acs, data, database):
    thread = node(database, connection_request_result="http accepted")
    done = acs("devices", "call", KEY, "--data", data)
    thread.join()
    assert (done.code, f"{KEY} was called (http accepted) and came after" in done.text) == (0, True), done.err
    assert ("device called", KEY) in [
        (each["action"], each["target"]) for each in acs("audit", "list", "--data", data, "--json").json
    ]


def test_why_a_device_does_not_come_is_told(acs, data, database):
    text = "can't connect to 192.0.2.1 port 7547: refused"
    thread = node(database, connection_request_error=text)
    done = acs("devices", "call", KEY, "--data", data, "--wait", "2")
    thread.join()
    told = f"{KEY} did not come within 2 s: it could not be called: {text}"
    assert (done.code, told in done.err) == (2, True), done.err


def test_a_device_whose_time_is_over_did_not_come(acs, data, database):
    thread = node(database, state="expired", connection_request_error="refused")
    done = acs("devices", "call", KEY, "--data", data)
    thread.join()
    assert (done.code, f"{KEY} did not come" in done.err, "came after" in done.text) == (2, True, False)


def test_credentials_of_a_devices_own_are_sealed_and_given_up_again(acs, data, database, monkeypatch):
    secrets = Secrets.load_or_create(data)
    command = ("devices", "call-credentials", KEY)
    monkeypatch.setattr("sys.stdin", io.StringIO("their-pass-word\n"))
    assert acs(*command, "factory", "--data", data).code == 0

    def stored():
        columns = devices.c.connection_request_username, devices.c.connection_request_secret_sealed
        with database.connect() as conn:
            return conn.execute(select(*columns).where(devices.c.device_key == KEY)).one()

    username, sealed = stored()
    assert username == "factory"
    assert b"their-pass-word" not in sealed
    from acs.security import Sealer
    from acs.southbound.connection_requests.dispatcher import CONTEXT

    assert Sealer(secrets.store_key).open(sealed, CONTEXT) == b"their-pass-word"
    assert acs(*command, "--given", "--data", data).code == 0
    assert stored() == ("", None)


@pytest.mark.parametrize(
    ("arguments", "typed", "text"),
    [
        ((), "x\n", "name a username, or --given; not both"),
        (("u", "--given"), "x\n", "name a username, or --given; not both"),
        (("u",), "", "the password is read from standard input, and there is none"),
        (("u",), "x" * 257, "at most 256 characters"),
    ],
)
def test_a_mistake_in_credentials_is_told(acs, data, monkeypatch, arguments, typed, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    done = acs("devices", "call-credentials", KEY, *arguments, "--data", data)
    assert (done.code, text in done.err) == (2, True)
