"""Detached signatures, as openssl makes them, and the keys that are trusted."""

from __future__ import annotations

import base64
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acs.errors import AcsError
from acs.files import TrustedSigners, read_signature
from acs.security import Authority

CONTENT = os.urandom(3_000_000)
RSA = rsa.generate_private_key(65537, 2048)


def pem(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


ED, P256, P384 = Ed25519PrivateKey.generate(), *map(ec.generate_private_key, (ec.SECP256R1(), ec.SECP384R1()))
WAYS = {
    "Ed25519": (ED, lambda: ED.sign(CONTENT)),
    "ECDSA-secp256r1": (P256, lambda: P256.sign(CONTENT, ec.ECDSA(hashes.SHA256()))),
    "ECDSA-secp384r1": (P384, lambda: P384.sign(CONTENT, ec.ECDSA(hashes.SHA384()))),
    "RSA-2048": (RSA, lambda: RSA.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())),
}


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("algorithm", WAYS)
def test_a_signature_is_that_of_its_signer_over_all_of_the_content(tmp_path, image, algorithm):
    key, sign = WAYS[algorithm]
    signers = TrustedSigners(tmp_path)
    signers.trust("other", pem(Ed25519PrivateKey.generate()), "other")
    signature = sign()
    assert signers.signer_of(image, signature) is None
    made = signers.trust("vendor", pem(key), "key")
    assert made.algorithm == algorithm
    found = signers.signer_of(image, signature)
    assert found is not None
    assert (found.name, found.fingerprint) == ("vendor", made.fingerprint)
    assert signers.signer_of(image, bytes([signature[0] ^ 1]) + signature[1:]) is None
    assert signers.signer_of(image, b"") is None
    with image.open("r+b") as file:
        file.seek(2_999_999)
        file.write(bytes([CONTENT[-1] ^ 1]))
    assert signers.signer_of(image, signature) is None


def test_a_certificate_names_a_signer_too(tmp_path):
    authority = Authority.load_or_create(tmp_path / "ca", "a signer")
    assert TrustedSigners(tmp_path).trust("ca", authority.certificate_pem, "x").algorithm.startswith("ECDSA")


def test_a_signature_is_read_raw_or_as_base64():
    raw = ED.sign(b"x")
    assert read_signature(raw) == raw
    assert read_signature(base64.encodebytes(raw)) == raw
    for wrong in (b"", b"x" * 10_000):
        with pytest.raises(AcsError, match="bytes is none"):
            read_signature(wrong)


def test_an_empty_file_can_be_signed(tmp_path):
    (tmp_path / "empty").touch()
    signers = TrustedSigners(tmp_path)
    signers.trust("vendor", pem(ED), "key")
    assert signers.signer_of(tmp_path / "empty", ED.sign(b"")) is not None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("../x", pem(ED), "can't be a signer's name"),
        ("", pem(ED), "can't be a signer's name"),
        ("x", b"nothing", "holds no public key"),
        ("x", pem(rsa.generate_private_key(65537, 1024)), "has 1024 bits; 2048 are needed"),
        ("x", pem(ec.generate_private_key(ec.SECP192R1())), "has 192 bits; 256 are needed"),
        ("taken", pem(P256), "another signer named 'taken'"),
    ],
)
def test_a_key_that_can_not_be_trusted_is_refused(tmp_path, name, content, message):
    signers = TrustedSigners(tmp_path)
    signers.trust("taken", pem(ED), "key")
    with pytest.raises(AcsError, match=message):
        signers.trust(name, content, "key")
    assert [each.name for each in signers.all()] == ["taken"]


def test_a_signer_is_distrusted(tmp_path):
    signers = TrustedSigners(tmp_path)
    signers.trust("vendor", pem(ED), "key")
    signers.distrust("vendor")
    assert signers.all() == []
    with pytest.raises(AcsError, match="no signer named 'vendor'"):
        signers.distrust("vendor")
