"""Seals, the master key and its file."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.errors import AcsError
from acs.security import Sealer, SealError, Secrets, new_password, private_directory, write_private

KEY = hashlib.sha256(b"a test's own key").digest()


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_what_was_sealed_can_be_opened_in_its_context(plain: bytes, context: bytes) -> None:
    sealed = Sealer(KEY).seal(plain, context)
    assert len(sealed) == len(plain) + 28
    assert Sealer(KEY).open(sealed, context) == plain
    with pytest.raises(SealError):
        Sealer(KEY).open(sealed, context + b"x")
    with pytest.raises(SealError):
        Sealer(KEY[::-1]).open(sealed, context)


@given(st.binary(max_size=50), st.data())
def test_a_seal_that_was_touched_is_broken(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(Sealer(KEY).seal(plain))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        Sealer(KEY).open(bytes(sealed))


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_seal_that_was_cut_is_broken(length: int) -> None:
    with pytest.raises(SealError, match="broken"):
        Sealer(KEY).open(Sealer(KEY).seal(b"")[:length])


def test_sealing_twice_gives_different_seals() -> None:
    assert Sealer(KEY).seal(b"x") != Sealer(KEY).seal(b"x")


def test_a_sealing_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, this one has 16"):
        Sealer(bytes(16))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Secrets.load_or_create(data)
    assert mode(data) == 0o700
    assert mode(data / "master.key") == 0o600
    assert [each.name for each in data.iterdir()] == ["master.key"]
    again = Secrets.load_or_create(data)
    assert again.store_key == first.store_key
    assert Secrets.load_or_create(tmp_path / "other").store_key != first.store_key


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o622, 0o601])
def test_a_master_key_that_others_can_reach_is_refused(tmp_path: Path, bits: int) -> None:
    Secrets.load_or_create(tmp_path)
    (tmp_path / "master.key").chmod(bits)
    with pytest.raises(AcsError, match="chmod 600"):
        Secrets.load_or_create(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", base64.b64encode(bytes(32)), base64.b64encode(b"ab" * 16), b"a", b"short"]
    + [
        base64.b64encode(key)
        for key in (bytes(range(32)), bytes(range(255, 223, -1)), b"abcdefgh12345678" * 2)
    ],
)
def test_a_master_key_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / "master.key", content)
    with pytest.raises(AcsError, match="master key"):
        Secrets.load_or_create(tmp_path)


def test_every_purpose_has_a_key_of_its_own_and_none_shows() -> None:
    secrets = Secrets(KEY)
    keys = {secrets.store_key, secrets.cookie_key, secrets.nonce_key, secrets.file_url_key, KEY}
    assert len(keys) == 5
    assert all(len(key) == 32 for key in keys)
    assert repr(secrets) == "Secrets(…)"


def test_every_device_has_a_password_of_its_own_for_connection_requests() -> None:
    one, other = (Secrets(KEY).connection_request_password(key) for key in ("0005B9-1", "0005B9-2"))
    assert one == Secrets(KEY).connection_request_password("0005B9-1")
    assert one != other
    assert len(one) == 32


def test_a_new_password_is_random_and_of_the_length_asked_for() -> None:
    assert len({new_password() for _ in range(50)}) == 50
    assert [len(new_password(n)) for n in (1, 24, 33)] == [1, 24, 33]


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = private_directory(tmp_path / "a" / "b") / "file"
    write_private(path, b"one" * 100)
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path]
