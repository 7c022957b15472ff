"""The authority's certificates, judged by the TLS library that will use them."""

from __future__ import annotations

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from acs.errors import AcsError
from acs.security import Authority, Issued, write_private


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("test CA")


def context(side: int, folder: Path, own: Issued, trusted: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.load_verify_locations(cadata=trusted.certificate_pem.decode())
    path = folder / f"{side}.pem"
    write_private(path, own.certificate + own.key)
    made.load_cert_chain(path)
    return made


def shake_hands(
    folder: Path, server: Issued, client: Issued, trusted: Authority, *, name: str
) -> tuple[dict[str, object], dict[str, object]]:
    """Do a TLS handshake in memory; return the certificates that client and server saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = context(ssl.PROTOCOL_TLS_CLIENT, folder, client, trusted).wrap_bio(
        to_client, to_server, server_hostname=name
    )
    other = context(ssl.PROTOCOL_TLS_SERVER, folder, server, trusted).wrap_bio(
        to_server, to_client, server_side=True
    )
    waiting = [one, other]
    for _ in range(20):
        for each in list(waiting):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(each)
        if not waiting:
            return one.getpeercert() or {}, other.getpeercert() or {}
    raise AssertionError("the handshake does not end")


@pytest.mark.parametrize("name", ["acs.example", "127.0.0.1", "::1"])
def test_both_sides_accept_each_others_certificates(tmp_path: Path, authority: Authority, name: str) -> None:
    server = authority.issue_server(["acs.example", "127.0.0.1", "::1"])
    client = authority.issue_client("0005b9aa.0005b9.henb.example")
    seen, told = shake_hands(tmp_path, server, client, authority, name=name)
    assert ("DNS", "acs.example") in seen["subjectAltName"]
    assert told["subjectAltName"] == (("DNS", "0005b9aa.0005b9.henb.example"),)


@pytest.mark.parametrize("wrong", ["name", "roles", "authority"])
def test_a_certificate_that_does_not_fit_is_refused(tmp_path: Path, authority: Authority, wrong: str) -> None:
    server = authority.issue_server(["acs.example"])
    client = authority.issue_client("henb.example")
    if wrong == "roles":
        server = authority.issue_client("acs.example")
    trusted = Authority.create("test CA") if wrong == "authority" else authority
    name = "other.example" if wrong == "name" else "acs.example"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, server, client, trusted, name=name)


def test_a_certificate_follows_the_profile(authority: Authority) -> None:
    issued = x509.load_pem_x509_certificate(authority.issue_client("henb.example").certificate)
    lifetime = issued.not_valid_after_utc - issued.not_valid_before_utc
    assert lifetime <= datetime.timedelta(days=3 * 365)
    constraints = issued.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = issued.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_cert_sign) == (True, False)
    own = x509.load_pem_x509_certificate(authority.certificate_pem)
    issuer = issued.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer == own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    issued.verify_directly_issued_by(own)


def test_an_authority_is_made_once_and_kept_in_private(tmp_path: Path) -> None:
    first = Authority.load_or_create(tmp_path / "ca", "test CA")
    again = Authority.load_or_create(tmp_path / "ca", "other name")
    assert again.certificate_pem == first.certificate_pem
    for path in (tmp_path / "ca").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = again.issue_client("henb.example")
    assert shake_hands(tmp_path, first.issue_server(["acs.example"]), client, first, name="acs.example")


def test_an_authority_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    Authority.load_or_create(tmp_path, "test CA")
    write_private(tmp_path / "ca.key", b"no key")
    with pytest.raises(AcsError, match="can't load the authority"):
        Authority.load_or_create(tmp_path, "test CA")
    (tmp_path / "ca.key").unlink()
    with pytest.raises(AcsError, match="can't load the authority"):
        Authority.load_or_create(tmp_path, "test CA")


def test_an_authority_has_an_ec_key(tmp_path: Path) -> None:
    Authority.load_or_create(tmp_path, "test CA")
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(tmp_path / "ca.key", pem)
    with pytest.raises(AcsError, match="holds no EC key; remove"):
        Authority.load_or_create(tmp_path, "test CA")
