"""interop-and-hardening 2.6: passwords over HTTP Digest and Basic, and those who guess them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs import devices as dev
from acs.errors import AcsError
from acs.security import Lockout, Secrets, check_secret, digest, new_password
from acs.southbound import seal_device_password
from tests.southbound.conftest import SERIAL, Answer, body_of, inform, make_bench

USER, PASSWORD, REALM = f"0005B9-{SERIAL}", "correct horse battery", "femto.example"


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path, insecure_http_port=0):

        def act(conn, made=made):
            device = dev.register(conn, "0005B9", SERIAL, now=made.clock[0])
            sealed = seal_device_password(Secrets.load_or_create(made.node.settings.data), PASSWORD)
            dev.set_digest_secret(conn, device.id, USER, sealed)

        await made.node.store.write(act)
        yield made


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Plain:
    """A client without TLS that answers the challenge in whatever way a test wants."""

    def __init__(self, bench, http):
        self.bench, self.http, self.nonce = bench, http, ""

    async def post(self, body=None, headers=None) -> Answer:
        data = body_of(inform()) if body is None else body
        url = f"http://127.0.0.1:{self.bench.node.southbound.http_port}/acs"
        async with self.http.post(url, data=data, headers=headers or {}) as response:
            offered = ", ".join(response.headers.getall("WWW-Authenticate", []))
            self.nonce = offered.rpartition('nonce="')[2].partition('"')[0] or self.nonce
            content = await response.read()
            return Answer(response.status, content, {**response.headers, "offered": offered}, "")

    async def challenged(self) -> Plain:
        assert (await self.post()).status == 401
        return self

    def answer(self, *, body: bytes = b"", **changes: str) -> dict[str, str]:
        f = {"username": USER, "realm": REALM, "nonce": self.nonce, "uri": "/acs", "qop": "auth"}
        f |= {"nc": "00000001", "cnonce": "c", "password": PASSWORD, **changes}

        def h(text: str | bytes) -> str:
            return hashlib.md5(text if isinstance(text, bytes) else text.encode()).hexdigest()

        secret = h(f"{f['username']}:{f['realm']}:{f.pop('password')}")
        end = f":{h(body)}" if f["qop"] == "auth-int" else ""
        request = h(f"POST:{f['uri']}{end}")
        middle = f"{f['nc']}:{f['cnonce']}:{f['qop']}:" if f["qop"] else ""
        f["response"] = f.get("response") or h(f"{secret}:{f['nonce']}:{middle}{request}")
        if not f["qop"]:
            del f["qop"], f["nc"], f["cnonce"]
        return {"Authorization": "Digest " + ", ".join(f'{name}="{value}"' for name, value in f.items())}


@pytest.fixture
async def plain(bench):
    async with bench.client() as http:
        yield await Plain(bench, http).challenged()


async def test_2_6_without_credentials_there_is_a_challenge_and_nothing_else(bench, plain):
    answer = await plain.post()
    assert (answer.status, answer.headers["offered"].count("Digest realm=")) == (401, 2)
    assert "Basic" not in answer.headers["offered"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer eyJ",
        "Negotiate YII",
        "Digest",
        "Basic",
        "Basic !!!",
        "nonsense",
        "Digest username=",
        "\xff\xfe",
    ],
)
async def test_2_6_an_unknown_scheme_or_a_broken_header_is_challenged(plain, header):
    answer = await plain.post(headers={"Authorization": header})
    assert (answer.status, "WWW-Authenticate" in answer.headers) == (401, True)


async def test_2_6_basic_is_refused_without_tls_even_with_the_right_password(bench, plain):
    assert (await plain.post(headers=basic(USER, PASSWORD))).status == 401
    assert bench.metric("acs_refused_total", reason="bad-scheme") == 1


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD.upper()])
async def test_2_6_a_wrong_or_empty_password_is_refused(bench, plain, password):
    assert (await plain.post(headers=plain.answer(password=password))).status == 401
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, inform(), headers=basic(USER, password))).status == 401


async def test_2_6_a_device_that_was_stored_with_an_empty_password_can_not_use_it(bench, plain):
    def act(conn):
        device = dev.find(conn, USER)
        sealed = seal_device_password(Secrets.load_or_create(bench.node.settings.data), "")
        dev.set_digest_secret(conn, device.id, USER, sealed)

    await bench.node.store.write(act)
    assert (await plain.post(headers=plain.answer(password=""))).status == 401
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, inform(), headers=basic(USER, ""))).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"realm": "another"},
        {"uri": "/other"},
        {"uri": "http://acs.example/admin"},
        {"uri": ""},
        {"qop": "auth-conf"},
        {"algorithm": "SHA-512"},
        {"response": "0" * 32},
        {"username": "0005B9-B2"},
        {"nonce": "made-up"},
    ],
    ids=str,
)
async def test_2_6_a_wrong_realm_uri_qop_algorithm_user_or_nonce_is_refused(plain, changes):
    answer = await plain.post(headers=plain.answer(**changes))
    assert (answer.status, "WWW-Authenticate" in answer.headers) == (401, True)
    assert "stale=true" not in answer.headers["offered"]


async def test_2_6_an_answer_that_was_given_before_is_a_replay_and_may_be_given_anew(bench, plain):
    header = plain.answer()
    assert (await plain.post(headers=header)).status == 200
    other = body_of(inform(SERIAL, "1 BOOT"))  # what an eavesdropper would send in the device's name
    again = await plain.post(other, headers=header)
    assert (again.status, "stale=true" in again.headers["offered"]) == (401, True)
    assert bench.metric("acs_refused_total", reason="replayed") == 1
    assert (await plain.post(headers=plain.answer())).status == 200  # the honest one: a new nonce


@pytest.mark.parametrize("changes", [{"uri": "/acs?x=1"}, {"nc": "1"}, {"nc": "0001"}])
async def test_2_6_an_nc_and_cnonce_that_were_used_are_not_good_for_another_request(plain, changes):
    nonce = plain.nonce
    assert (await plain.post(headers=plain.answer())).status == 200
    assert (await plain.post(headers=plain.answer(nonce=nonce, **changes))).status == 401


async def test_2_6_clients_that_do_not_count_but_choose_a_new_cnonce_are_served_on_one_nonce(plain):
    """1c: Digest with ``nc=00000001`` and a new ``cnonce`` every time, one nonce over many sessions."""
    for number in range(5):
        assert (await plain.post(headers=plain.answer(cnonce=str(number)))).status == 200


async def test_2_6_clients_that_count_are_served_in_any_order(plain):
    for number in (1, 2, 5, 3):
        assert (await plain.post(headers=plain.answer(nc=f"{number:08x}"))).status == 200


async def test_2_6_a_client_without_qop_is_served_once_with_each_nonce(plain):
    header = plain.answer(qop="")
    assert (await plain.post(headers=header)).status == 200
    assert (await plain.post(headers=header)).status == 401
    assert (await plain.post(headers=plain.answer(qop=""))).status == 200


async def test_2_6_a_stale_nonce_is_told_as_such_and_only_with_the_right_password(bench, plain):
    bench.clock[0] += 601
    nonce = plain.nonce
    wrong = await plain.post(headers=plain.answer(password="wrong"))
    assert (wrong.status, "stale=true" in wrong.headers["offered"]) == (401, False)
    right = await plain.post(headers=plain.answer(nonce=nonce))
    assert (right.status, "stale=true" in right.headers["offered"]) == (401, True)
    assert (await plain.post(headers=plain.answer())).status == 200


async def test_2_6_auth_int_is_understood_and_holds_for_its_body_alone(plain):
    body = body_of(inform())
    changed = body.replace(b"2 PERIODIC", b"1 BOOT")
    assert changed != body
    header = plain.answer(qop="auth-int", body=body)
    assert (await plain.post(changed, headers=header)).status == 401
    assert (await plain.post(body, headers=header)).status == 200


async def test_2_6_who_guesses_has_to_wait_longer_each_time_and_others_do_not(bench, plain):
    for number in range(10):
        assert (await plain.post(headers=plain.answer(password="guess", cnonce=str(number)))).status == 401
    locked = await plain.post(headers=plain.answer())
    assert (locked.status, locked.headers["Retry-After"]) == (429, "5")
    assert "try again in 5 s" in locked.text
    bench.clock[0] += 5.5
    assert (await plain.post(headers=plain.answer(password="guess"))).status == 401
    assert (await plain.post(headers=plain.answer())).headers["Retry-After"] == "10"
    bench.clock[0] += 10.5
    assert (await plain.post(headers=plain.answer())).status == 200
    assert bench.metric("acs_refused_total", reason="locked-out") == 2
    async with bench.client() as http:  # a device with a certificate at the same address
        assert (await bench.post(http, inform())).status == 200


async def test_2_6_secrets_are_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    assert not digest.same_secret("one", "other")
    fields = {"username": "u", "realm": "r", "nonce": "n", "uri": "/", "response": "00"}
    assert not digest.verify_digest(fields, method="POST", realm="r", password="p", path="/")
    assert [a for a, _ in compared] == [b"one", compared[1][0]]
    assert len(compared) == 2


def test_2_6_a_user_whom_others_keep_guessing_is_not_kept_out_where_he_is_at_home():
    lockout = Lockout()
    lockout.succeeded("192.0.2.1", "u")
    for number in range(200):
        lockout.failed(f"198.51.100.{number}", "u", 1000.0)
    assert lockout.wait("192.0.2.1", "u", 1000.0) == 0
    assert 0 < lockout.wait("203.0.113.1", "u", 1000.0) <= 60
    assert lockout.wait("203.0.113.1", "v", 1000.0) == 0


def test_2_6_an_address_that_guesses_many_users_waits_with_all_of_them():
    lockout = Lockout()
    for number in range(60):
        lockout.failed("2001:db8::1", f"u{number}", 1000.0)
    assert lockout.wait("2001:db8::ffff:1", "somebody", 1000.0) > 0
    assert lockout.wait("2001:db8:0:1::1", "somebody", 1000.0) == 0


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5), st.floats(0, 100)), max_size=300))
def test_2_6_what_the_lock_out_remembers_and_how_long_it_lasts_is_bounded(tries):
    lockout, now = Lockout(capacity=50), 0.0
    for address, user, pause in tries:
        now += pause
        lockout.failed(f"10.0.0.{address}", str(user), now)
        assert lockout.wait(f"10.0.0.{address}", str(user), now) <= 900
        assert len(lockout._counts) <= 50
    assert lockout.wait("10.0.0.1", "0", now + 901) == 0


def test_2_6_what_is_remembered_of_answers_is_bounded():
    replays = digest.Replays(capacity=100, lifetime=600)
    for number in range(500):
        assert not replays.seen({"nonce": str(number), "username": "u"}, 1000.0)
    assert len(replays._seen) == 100
    replays.seen({"nonce": "new", "username": "u"}, 2000.0)
    assert len(replays._seen) == 1


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "password",
        "Password123!",
        "acsacsacsacs",
        "123456789012",
        "aaaaaaaaaaaaaaa",
        "0005b9-a1-x",
    ],
)
def test_2_14_a_secret_that_anybody_guesses_is_refused(secret):
    with pytest.raises(AcsError, match="the password"):
        check_secret(secret, "the password", forbidden=("0005B9-A1-X",))


def test_2_14_a_secret_that_was_made_is_accepted():
    for _ in range(200):
        check_secret(new_password(), "the password")
    check_secret("correct horse battery", "the password")
