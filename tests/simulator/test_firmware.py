"""Software images: what a HeNB accepts, and with which fault it refuses the rest."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from acs.simulator import build_image
from acs.simulator.firmware import Banks, ImageError, verify_image

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2))
GOOD = build_image("2.0.0", "HeNB-LTE", KEY, size=64)


def refused(content: bytes) -> int:
    with pytest.raises(ImageError) as error:
        verify_image(content, "HeNB-LTE", KEY.public_key())
    assert str(error.value)
    return error.value.fault_code


def changed(**fields) -> bytes:
    line, _, payload = GOOD.partition(b"\n")
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n" + payload


def test_a_good_image_tells_its_version():
    assert verify_image(GOOD, "HeNB-LTE", KEY.public_key()) == "2.0.0"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\xff\xfe\n",
        b"<html>not found</html>",
        b"[]\n",
        GOOD[:-1],
        GOOD + b"x",
        GOOD.replace(b"\n", b""),
        changed(magic="other"),
        changed(signature="%%%"),
        changed(signature="\u00e9\u00e9\u00e9\u00e9"),
        changed(version=2),
    ],
)
def test_what_is_damaged_is_9018(content):
    assert refused(content) == 9018


@pytest.mark.parametrize(
    "content",
    [
        build_image("2.0.0", "HeNB-LTE", OTHER, size=64),
        changed(signature=""),
        changed(version="9.9.9"),
        changed(product_class="other"),
    ],
)
def test_what_the_vendor_did_not_sign_is_9019(content):
    assert refused(content) == 9019


def test_an_image_for_another_product_class_is_9016():
    assert refused(build_image("2.0.0", "HeNB-UMTS", KEY, size=64)) == 9016


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position, change):
    content = bytearray(GOOD)
    content[position] ^= change
    assert refused(bytes(content)) in (9018, 9019)


@given(st.binary(max_size=300))
def test_whatever_comes_is_a_version_or_an_image_error(content):
    assert refused(content) == 9018


def test_an_image_goes_into_the_other_bank_and_is_sound():
    banks = Banks(["1.0.0", "0.9.0"], modified=True)
    banks.install("2.0.0")
    assert (banks.running, banks.versions, banks.modified) == ("2.0.0", ["1.0.0", "2.0.0"], False)
    banks.install("3.0.0")
    assert banks.versions == ["3.0.0", "2.0.0"]
