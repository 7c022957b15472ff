"""interop-and-hardening 2.7: revoked certificates, by CRL and OCSP over real sockets."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import select

from acs import alarms as al
from acs import devices as dev
from acs.security import Certificate, Scope
from acs.security.revocation import ocsp_request, read_crl, read_ocsp
from acs.southbound import revocation
from acs.store.tables import audit
from tests.security.pki import CA, der, pem
from tests.security.test_certificates import NAME, Resuming, client, connect, trusted
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench
from tests.waiting import until

pytestmark = pytest.mark.row("2.7")

NOW = 1_800_000_000.0


ECDSA_WITH_SHA256 = bytes.fromhex("2a8648ce3d040302")


class Publisher:
    """A CRL server and OCSP responder that does what a test wants."""

    def __init__(self):
        self.ca: CA | None = None
        self.asked: list[str] = []
        self.options: dict = {}
        self.crl: bytes | None = None
        self.status = 200
        self.wait: asyncio.Event | None = None
        self.now = NOW
        self.odd = False

    async def start(self):
        app = web.Application()
        app.router.add_get("/ca.crl", self._crl)
        app.router.add_post("/ocsp", self._ocsp)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    async def _crl(self, _):
        self.asked.append("crl")
        return web.Response(status=self.status, body=self.crl or self.ca.make_crl(self.now))

    async def _ocsp(self, request):
        self.asked.append("ocsp")
        if self.wait is not None:
            await self.wait.wait()
        body = self.ca.answer(await request.read(), self.now, **self.options)
        if self.odd:
            body = body.replace(ECDSA_WITH_SHA256, ECDSA_WITH_SHA256[:-1] + b"\x7f")
        return web.Response(status=self.status, body=body, content_type="application/ocsp-response")


@pytest.fixture
async def publisher():
    made = Publisher()
    await made.start()
    yield made
    if made.wait is not None:
        made.wait.set()
    await made.runner.cleanup()


@pytest.fixture
async def bench(tmp_path, request):
    settings = {"revocation_networks": ["127.0.0.0/8"], "revocation_timeout": 5.0}
    settings |= getattr(request, "param", {})
    async for made in make_bench(tmp_path, **settings):
        yield made


async def status(bench, leaf) -> int:
    async with client(bench, leaf) as http:
        return (await bench.post(http, inform())).status


async def put_crl(bench, content: bytes, name: str = "ca.crl") -> None:
    revocations = bench.node.southbound.endpoint.revocations
    revocations.directory.mkdir(exist_ok=True)
    (revocations.directory / name).write_bytes(content)
    await revocations.refresh()


async def test_2_7_a_certificate_in_a_crl_file_is_refused_at_run_time_and_alarmed(bench):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf, other = ca.issue(NAME), ca.issue(f"b2.{OUI}.henb.femto.example".lower())
    async with client(bench, leaf) as http:
        opened = await bench.post(http, inform())
        assert opened.status == 200
        ca.revoke(leaf.certificate)
        await put_crl(bench, ca.make_crl(NOW))
        answer = await bench.post(http, inform())
        assert (answer.status, "revoked by its CA (keyCompromise)" in answer.text) == (403, True)
        session = await bench.post(http, b"", cookie=opened.cookie)  # the one that was open before
        assert session.status == 403
    async with client(bench, other) as http:
        assert (await bench.post(http, inform("B2"))).status == 200
    assert bench.metric("acs_refused_total", reason="revoked") == 2

    def look(conn):
        [alarm] = al.active_alarms(conn, dev.find(conn, f"{OUI}-{SERIAL}").id)
        rows = conn.execute(select(audit.c.target).where(audit.c.action == "revoked certificate shown"))
        return alarm, list(rows.scalars())

    alarm, audited = await bench.node.store.read(look)
    assert (alarm.specific_problem, alarm.detector) == ("CERTIFICATE_REVOKED", "HeMS:femto.example")
    assert audited == [NAME]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_2_7_a_resumed_connection_of_a_device_revoked_since_is_refused(bench, version):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    context = leaf.tls(bench.node.settings.data / "pki/server/ca.pem", kind=Resuming)
    context.maximum_version = version
    assert await connect(bench, context) == (200, False)
    assert await connect(bench, context) == (200, True)
    ca.revoke(leaf.certificate)
    await put_crl(bench, ca.make_crl(NOW))
    assert await connect(bench, context) == (403, True)


async def test_2_7_what_a_revoked_intermediate_issued_is_refused(bench):
    root = CA("root")
    issuing = CA("issuing", root)
    trusted(bench, root, Scope(ouis=(OUI,)))
    leaf = issuing.issue(NAME)
    assert await status(bench, leaf) == 200
    root.revoke(issuing.certificate)
    await put_crl(bench, root.make_crl(NOW))
    assert await status(bench, leaf) == 403


async def test_2_7_a_crl_of_somebody_else_revokes_nothing(bench):
    ca, forger = CA("vendor"), CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    forger.revoke(leaf.certificate)
    await put_crl(bench, forger.make_crl(NOW))
    assert await status(bench, leaf) == 200


@pytest.mark.parametrize(("older", "newer"), [("a.crl", "b.crl"), ("b.crl", "a.crl")])
async def test_2_7_the_newest_crl_file_has_the_last_word(bench, older, newer):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    await put_crl(bench, ca.make_crl(NOW - 3600), older)
    assert await status(bench, leaf) == 200
    ca.revoke(leaf.certificate)
    await put_crl(bench, ca.make_crl(NOW), newer)
    assert await status(bench, leaf) == 403


async def test_2_7_a_crl_file_that_is_replaced_by_nonsense_still_revokes(bench):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    ca.revoke(leaf.certificate)
    content = ca.make_crl(NOW)
    await put_crl(bench, content)
    assert await status(bench, leaf) == 403
    await put_crl(bench, content[: len(content) // 2])  # as one who copies it in place writes it
    assert await status(bench, leaf) == 403
    (bench.node.southbound.endpoint.revocations.directory / "ca.crl").unlink()
    await bench.node.southbound.endpoint.revocations.refresh()
    assert await status(bench, leaf) == 200


async def test_2_7_a_crl_that_comes_while_an_older_one_is_looked_at_counts(bench, monkeypatch):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    await put_crl(bench, ca.make_crl(NOW - 3600))
    ca.revoke(leaf.certificate)
    signed = revocation._signed

    async def slowly(crl, issuer):
        monkeypatch.setattr(revocation, "_signed", signed)
        await put_crl(bench, ca.make_crl(NOW))
        return await signed(crl, issuer)

    monkeypatch.setattr(revocation, "_signed", slowly)
    assert await status(bench, leaf) == 403
    assert await status(bench, leaf) == 403


@pytest.mark.parametrize("bench", [{"revocation": "hard", "revocation_networks": []}], indirect=True)
async def test_2_7_a_crl_of_one_distribution_point_makes_nobody_of_another_good(bench):
    ca = CA("vendor", crl="http://crl.example/1.crl")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    await put_crl(bench, ca.make_crl(NOW, point="http://crl.example/2.crl"), "2.crl")
    assert await status(bench, leaf) == 503
    await put_crl(bench, ca.make_crl(NOW - 60, point="http://crl.example/1.crl"), "1.crl")
    assert await status(bench, leaf) == 200


async def test_2_7_all_crls_of_a_file_are_read(bench):
    root = CA("root")
    issuing = CA("issuing", root)
    trusted(bench, root, Scope(ouis=(OUI,)))
    leaf = issuing.issue(NAME)
    issuing.revoke(leaf.certificate)
    both = [pem(x509.load_der_x509_crl(each.make_crl(NOW))) for each in (root, issuing)]
    await put_crl(bench, b"the CRLs of both\n" + b"".join(both), "both.pem")
    assert await status(bench, leaf) == 403


async def test_2_7_a_crl_is_fetched_once_from_where_the_certificate_says(bench, publisher):
    ca = publisher.ca = CA("vendor", crl=f"{publisher.url}/ca.crl")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    other = ca.issue(f"b2.{OUI}.henb.femto.example".lower())
    ca.revoke(other.certificate)
    for _ in range(3):
        assert await status(bench, leaf) == 200
    async with client(bench, other) as http:
        assert (await bench.post(http, inform("B2"))).status == 403
    assert publisher.asked == ["crl"]
    ca.revoke(leaf.certificate)
    bench.clock[0] = publisher.now = NOW + 25 * 3600  # after nextUpdate it is fetched anew
    assert await status(bench, leaf) == 403
    assert publisher.asked == ["crl", "crl"]


@pytest.mark.parametrize("delegated", [False, True])
async def test_2_7_an_ocsp_responder_is_asked_once_until_next_update(bench, publisher, delegated):
    ca = publisher.ca = CA("vendor", ocsp_url=f"{publisher.url}/ocsp")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    if delegated:
        publisher.options = {"by": ca.issue("ocsp.example", eku=ExtendedKeyUsageOID.OCSP_SIGNING)}
    leaf = ca.issue(NAME)
    for _ in range(4):
        assert await status(bench, leaf) == 200
    assert publisher.asked == ["ocsp"]
    assert bench.metric("acs_revocation_unknown_total") == 0
    ca.revoke(leaf.certificate)
    bench.clock[0] = publisher.now = NOW + 3601
    assert await status(bench, leaf) == 403
    assert publisher.asked == ["ocsp", "ocsp"]


@pytest.mark.parametrize("bench", [{"revocation": "hard"}], indirect=True)
@pytest.mark.parametrize("wrong", ["no delegation", "other CA", "stale", "garbage", "odd", "500", "nonce"])
async def test_2_7_an_ocsp_answer_that_proves_nothing_counts_as_none(bench, publisher, wrong):
    ca = publisher.ca = CA("vendor", ocsp_url=f"{publisher.url}/ocsp")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    match wrong:
        case "no delegation":
            publisher.options = {"by": ca.issue("a.device", eku=ExtendedKeyUsageOID.CLIENT_AUTH)}
        case "other CA":
            publisher.options = {"by": CA("vendor").issue("ocsp", eku=ExtendedKeyUsageOID.OCSP_SIGNING)}
        case "stale":
            publisher.now = NOW - 86400
        case "garbage":
            publisher.ca = type("Garbage", (), {"answer": lambda *_, **__: b"\x30\x03nonsense"})()
        case "odd":  # signed with an algorithm of which nobody has heard
            publisher.odd = True
        case "500":
            publisher.status = 500
        case "nonce":
            publisher.options = {"nonce": x509.OCSPNonce(b"another request!")}
    async with client(bench, leaf) as http:
        answer = await bench.post(http, inform())
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "60")
    assert bench.metric("acs_refused_total", reason="revocation-unknown") == 1


async def test_2_7_soft_serves_a_device_nobody_tells_about_and_counts_it(bench):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    assert await status(bench, ca.issue(NAME)) == 200
    assert bench.metric("acs_revocation_unknown_total") == 1


@pytest.mark.parametrize("bench", [{"revocation_timeout": 0.05}], indirect=True)
async def test_2_7_a_responder_that_hangs_holds_up_one_device_once(bench, publisher):
    publisher.wait = asyncio.Event()
    ca = publisher.ca = CA("vendor", ocsp_url=f"{publisher.url}/ocsp")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    assert await status(bench, leaf) == 200
    async with client(bench, ca.issue(f"b2.{OUI}.henb.femto.example".lower())) as http:
        assert (await bench.post(http, inform("B2"))).status == 200
    assert publisher.asked == ["ocsp"]  # it is left alone for a while
    publisher.wait.set()
    bench.clock[0] = publisher.now = NOW + 61
    assert await status(bench, leaf) == 200
    assert publisher.asked == ["ocsp", "ocsp"]


@pytest.mark.parametrize(
    "bench", [{"revocation_networks": []}, {"revocation_networks": ["10.0.0.0/8"]}], indirect=True
)
async def test_2_12_nobody_is_asked_outside_the_networks_that_are_allowed(bench, publisher):
    ca = publisher.ca = CA("vendor", ocsp_url=f"{publisher.url}/ocsp", crl=f"{publisher.url}/ca.crl")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    assert await status(bench, ca.issue(NAME)) == 200
    assert publisher.asked == []


async def test_many_sessions_at_once_ask_one_question(bench, publisher):
    publisher.wait = asyncio.Event()
    ca = publisher.ca = CA("vendor", ocsp_url=f"{publisher.url}/ocsp")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    waiting = [asyncio.create_task(status(bench, leaf)) for _ in range(5)]
    await until(lambda: publisher.asked)
    publisher.wait.set()
    assert await asyncio.gather(*waiting) == [200] * 5
    assert publisher.asked == ["ocsp"]


def parse(certificate) -> Certificate:
    return Certificate.parse(der(certificate))


def test_a_crl_is_read_as_der_or_pem_and_tells_until_when():
    ca = CA("vendor")
    leaf = ca.issue("a.example")
    crl = read_crl(ca.make_crl(NOW, hours=1), now=NOW)
    assert crl.signed_by(parse(ca.certificate))
    assert not crl.signed_by(parse(CA("vendor").certificate))
    assert crl.tells(parse(leaf.certificate), now=NOW).status == "good"
    assert crl.tells(parse(leaf.certificate), now=NOW).until == NOW + 3600
    assert crl.tells(parse(leaf.certificate), now=NOW + 3601).status == "unknown"
    ca.revoke(leaf.certificate)
    crl = read_crl(pem(x509.load_der_x509_crl(ca.make_crl(NOW, hours=1))), now=NOW)
    assert crl.tells(parse(leaf.certificate), now=NOW).status == "revoked"
    assert crl.tells(parse(leaf.certificate), now=NOW + 10**6).status == "revoked"  # that does not end
    with pytest.raises(ValueError, match="of the future"):
        read_crl(ca.make_crl(NOW + 10_000), now=NOW)
    with pytest.raises(ValueError, match=r"."):
        read_crl(b"nonsense", now=NOW)


def test_an_ocsp_answer_about_another_certificate_says_nothing():
    ca = CA("vendor")
    one, other = parse(ca.issue("a").certificate), parse(ca.issue("b").certificate)
    issuer = parse(ca.certificate)
    answer = ca.answer(ocsp_request(one, issuer, b"n" * 16), NOW)
    assert read_ocsp(answer, one, issuer, b"n" * 16, now=NOW).status == "good"
    with pytest.raises(ValueError, match="nothing about this certificate"):
        read_ocsp(answer, other, issuer, b"n" * 16, now=NOW)
    with pytest.raises(ValueError, match="nonce is not ours"):
        read_ocsp(answer, one, issuer, b"m" * 16, now=NOW)
    in_advance = ca.answer(ocsp_request(one, issuer, b"n" * 16), NOW, nonce=False)
    assert read_ocsp(in_advance, one, issuer, b"m" * 16, now=NOW).status == "good"


def test_a_crl_that_is_signed_in_a_way_nobody_knows_is_not_signed():
    ca = CA("vendor")
    content = ca.make_crl(NOW).replace(ECDSA_WITH_SHA256, ECDSA_WITH_SHA256[:-1] + b"\x7f")
    assert not read_crl(content, now=NOW).signed_by(parse(ca.certificate))
