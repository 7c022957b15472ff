"""The certificate that devices and managers are shown: the operator's, renewed under a running node."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization as s
from structlog.testing import LogCapture

from acs.errors import AcsError
from acs.security import Authority, Certificate, covers
from acs.settings import load_settings
from acs.southbound.server_certificate import ServerCertificate
from acs.watch import Watch
from tests.security.test_expiry import expiry, watch
from tests.southbound.conftest import make_bench

DAY = 86400.0


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority.load_or_create(tmp_path / "operator", "operator CA")


def renew(tmp_path, authority: Authority, *names: str, key: bool = True) -> dict:
    """Put a new certificate of the operator's where the settings say, as an ACME or EST client does."""
    issued = authority.issue_server(names or ("localhost",))
    (tmp_path / "chain.pem").write_bytes(issued.certificate + authority.certificate_pem)
    if key:
        (tmp_path / "key.pem").write_bytes(issued.key)
    return {"server_certificate": tmp_path / "chain.pem", "server_key": tmp_path / "key.pem"}


async def shown(port: int, tmp_path) -> bytes:
    context = ssl.create_default_context(cafile=tmp_path / "operator" / "ca.pem")
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return der


async def test_the_operators_certificate_is_shown_and_a_renewed_one_without_a_restart(tmp_path, authority):
    given = renew(tmp_path, authority)
    async for bench in make_bench(tmp_path, **given, distress_port=0, northbound_port=0):
        node = bench.node
        ports = (node.southbound.port, node.southbound.distress_port, node.northbound_port)
        first = {await shown(port, tmp_path) for port in ports}
        assert len(first) == 1
        renew(tmp_path, authority)
        node.southbound.follow_certificate()
        node.northbound.follow_certificate()
        second = {await shown(port, tmp_path) for port in ports}
        assert len(second) == 1
        assert second != first


async def test_a_renewal_that_went_wrong_leaves_the_certificate_that_was_there(tmp_path, authority):
    async for bench in make_bench(tmp_path, **renew(tmp_path, authority)):
        southbound = bench.node.southbound
        before = await shown(southbound.port, tmp_path)
        renew(tmp_path, authority, key=False)  # its key is still the old one
        southbound.follow_certificate()
        assert await shown(southbound.port, tmp_path) == before
        renew(tmp_path, authority)
        southbound.follow_certificate()
        assert await shown(southbound.port, tmp_path) != before


async def test_the_operators_certificate_is_warned_about_and_not_replaced(tmp_path, authority, monkeypatch):
    log = LogCapture()
    monkeypatch.setattr("acs.watch._log", structlog.wrap_logger(None, processors=[log]))
    async for bench in make_bench(tmp_path, **renew(tmp_path, authority)):
        watching: Watch = watch(bench)
        before = await shown(bench.node.southbound.port, tmp_path)
        until = bench.node.southbound.certificate.until
        bench.clock[0] = until - 10 * DAY
        await watching.look()
        await watching.look()
        assert await shown(bench.node.southbound.port, tmp_path) == before
        told = [each for each in log.entries if each["event"].startswith("the server certificate expires")]
        assert [each["days"] for each in told] == [10]
        assert expiry(bench, "server", "server.pem") == until


def given(tmp_path, **settings) -> ServerCertificate:
    return ServerCertificate(load_settings(None, {"data": tmp_path / "data", **settings}, {}))


def test_what_can_not_be_used_is_refused_at_the_start_with_file_and_setting(tmp_path, authority):
    named = renew(tmp_path, authority)
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(AcsError, match=r"none\.pem .*settings server_certificate, server_key"):
        given(tmp_path, server_certificate=tmp_path / "none.pem").make()
    renew(tmp_path, authority, key=False)
    with pytest.raises(AcsError, match="MISMATCH"):
        given(tmp_path, **named).make()
    with pytest.raises(AcsError, match="server_key is there without server_certificate"):
        given(tmp_path, server_key=tmp_path / "key.pem")


def test_a_key_with_a_password_is_refused_without_asking_for_it(tmp_path, authority):
    named = renew(tmp_path, authority)
    key = s.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x"))
    )
    with pytest.raises(AcsError, match="store it without a password"):
        given(tmp_path, **named).make()


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("acs.example", True),
        ("ACS.example.", True),
        ("a.wild.example", True),
        ("a.b.wild.example", False),
        ("wild.example", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8::1", True),
        ("other.example", False),
    ],
)
def test_which_names_a_certificate_covers(authority, name, covered):
    issued = authority.issue_server(["acs.example", "*.wild.example", "192.0.2.1", "2001:db8::1"])
    assert covers(Certificate.of(x509.load_pem_x509_certificate(issued.certificate)), name) == covered


def test_a_certificate_for_other_names_is_warned_about(tmp_path, authority, monkeypatch):
    log = LogCapture()
    monkeypatch.setattr(
        "acs.southbound.server_certificate._log", structlog.wrap_logger(None, processors=[log])
    )
    named = renew(tmp_path, authority, "acs.example")
    given(tmp_path, **named, names=["acs.example"]).make()
    given(tmp_path, **named, names=["node-1"], url="https://acs.example").make()
    assert [each for each in log.entries if each["log_level"] == "warning"] == []
    given(tmp_path, **named, names=["node-1"]).make()
    [warned] = [each for each in log.entries if each["log_level"] == "warning"]
    assert warned["lacks"] == "node-1"
