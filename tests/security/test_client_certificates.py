"""Mutual TLS at the northbound interface: whose certificate lets in, and as whom."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from sqlalchemy import select

from acs import northbound as nb
from acs.errors import AcsError
from acs.northbound.client_certificates import names_in
from acs.security import Authority
from acs.store.tables import audit
from tests.security.managers import alarm
from tests.southbound.conftest import make_bench


@pytest.fixture
def authority(tmp_path):
    (tmp_path / "managers").mkdir()
    return Authority.load_or_create(tmp_path / "managers", "managers' CA")


@pytest.fixture
async def bench(tmp_path, authority):
    paths = [tmp_path / "managers/ca.pem"]
    async for made in make_bench(tmp_path, northbound_port=0, northbound_client_ca=paths):
        yield made


def session(bench, tmp_path, issuer: Authority | None, name: str = "nms.example") -> aiohttp.ClientSession:
    tls = ssl.create_default_context(cafile=bench.node.settings.data / "pki/server/ca.pem")
    if issuer is not None:
        issued = issuer.issue_client(name)
        path = tmp_path / "client.pem"
        path.write_bytes(issued.certificate + issued.key)
        tls.load_cert_chain(path)
    return aiohttp.ClientSession(
        f"https://127.0.0.1:{bench.node.northbound_port}", connector=aiohttp.TCPConnector(ssl=tls)
    )


async def allow(bench, *scopes: str, name: str = "nms.example") -> None:
    facts = {"who": "test", "now": bench.clock[0]}
    await bench.node.store.write(nb.allow_certificate, name, "noc", scopes, **facts)


async def test_a_certificate_lets_in_for_its_scopes_in_the_name_of_its_owner(bench, tmp_path, authority):
    number = await bench.node.store.write(alarm)
    await allow(bench, "alarms:read", "alarms:ack")
    async with session(bench, tmp_path, authority) as http:
        async with http.get("/v1/alarms") as answer:
            assert answer.status == 200
        async with http.get("/v1/devices") as answer:
            assert answer.status == 403
        async with http.post(f"/v1/alarms/{number}/ack") as answer:
            assert answer.status == 200
        query = select(audit.c.who).where(audit.c.action == "alarm acknowledged")
        assert (
            await bench.node.store.read(lambda conn: conn.execute(query).scalar())
            == "noc@certificate-nms.example"
        )
        await bench.node.store.write(nb.forget_certificate, "nms.example", who="test", now=bench.clock[0])
        async with http.get("/v1/alarms") as answer:  # on the same connection
            assert answer.status == 401


async def test_other_names_and_no_certificate_let_nobody_in(bench, tmp_path, authority):
    await allow(bench, "alarms:read")
    for issuer, name in ((authority, "other.example"), (None, "")):
        async with session(bench, tmp_path, issuer, name) as http, http.get("/v1/alarms") as answer:
            assert answer.status == 401


async def test_a_token_counts_before_the_certificate(bench, tmp_path, authority):
    await allow(bench, "alarms:read")
    headers = {"Authorization": "Bearer acs_" + "A" * 43}
    async with session(bench, tmp_path, authority) as http, http.get("/v1/alarms", headers=headers) as answer:
        assert answer.status == 401


async def test_a_certificate_of_another_ca_ends_the_handshake(bench, tmp_path):
    await allow(bench, "alarms:read")
    (tmp_path / "stranger").mkdir()
    stranger = Authority.load_or_create(tmp_path / "stranger", "managers' CA")
    async with session(bench, tmp_path, stranger) as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get("/v1/alarms")


def test_only_names_that_are_checked_count():
    peer = {
        "notAfter": "Jan  1 00:00:00 2030 GMT",
        "subject": ((("commonName", "cn.example"),),),
        "subjectAltName": (
            ("DNS", "NMS.example"),
            ("DNS", "*.example"),
            ("email", "a@b"),
            ("URI", "urn:nms:1"),
        ),
    }
    at = ssl.cert_time_to_seconds(peer["notAfter"])
    assert names_in(peer, at - 1) == ("nms.example", "urn:nms:1")
    assert names_in(peer, at) == names_in(None, 0) == names_in({}, 0) == ()


@pytest.mark.parametrize("wrong", [("", "noc"), ("*.example", "noc"), ("a b", "noc"), ("nms.example", "")])
async def test_what_makes_no_sense_is_not_let_in(bench, wrong):
    with pytest.raises(AcsError):
        await bench.node.store.write(nb.allow_certificate, *wrong, ["alarms:read"], who="test", now=1.0)


def test_case_counts_in_the_path_of_a_uri_and_a_host_name_is_no_uri():
    def names(*found):
        return names_in({"notAfter": "Jan  1 00:00:00 2030 GMT", "subjectAltName": found}, 0)

    assert names(("URI", "SPIFFE://X.Example/Ann")) == ("spiffe://x.example/Ann",)
    assert names(("DNS", "spiffe://x.example/ann"), ("DNS", "NMS.Example")) == ("nms.example",)
    assert names(("URI", "nms.example")) == ()


async def test_the_name_of_one_manager_is_not_that_of_another_by_its_case(bench):
    facts = {"who": "test", "now": 1.0}
    made = await bench.node.store.write(
        nb.allow_certificate, "spiffe://x/Ann", "ann", ["alarms:read"], **facts
    )
    assert made.name == "spiffe://x/Ann"
    other = await bench.node.store.write(
        nb.allow_certificate, "spiffe://X/ann", "other", ["alarms:read"], **facts
    )
    assert other.name == "spiffe://x/ann"
