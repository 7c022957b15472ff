"""The file server: one device, one file, for a while."""

from __future__ import annotations

import hashlib

import aiohttp
import pytest
from sqlalchemy.exc import OperationalError

from acs import devices as dev
from acs.errors import AcsError
from acs.files import DiskStorage, FileUrls, take_in
from tests.releasing import release
from tests.southbound.conftest import SERIAL, inform

CONTENT = bytes(range(256)) * 400


@pytest.fixture
async def served(bench, tmp_path):
    """A file in the catalogue and its URL for the device."""
    path = tmp_path / "image.bin"
    path.write_bytes(CONTENT)
    await release(bench.node, bench.vendor, path, name="image 1.bin", product_class="*")
    device = await bench.node.store.write(dev.register, "0005B9", SERIAL, now=bench.clock[0])
    return device, bench.node.env.file_url(device.id, "image 1.bin", bench.clock[0])


async def test_a_file_is_served_whole_with_its_digest(bench, served):
    _, url = served
    async with bench.client() as http, http.get(url) as response:
        assert response.status == 200
        assert await response.read() == CONTENT
        import base64

        digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
        assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert response.headers["Content-Length"] == str(len(CONTENT))


async def test_a_file_does_not_tell_what_the_acs_is_made_of(bench, served):
    async with bench.client() as http, http.get(served[1]) as response:
        assert (response.status, response.headers["Server"]) == (200, "femto-acs")


async def test_a_part_of_a_file_is_served(bench, served):
    _, url = served
    async with bench.client() as http, http.get(url, headers={"Range": "bytes=1000-1999"}) as response:
        assert response.status == 206
        assert await response.read() == CONTENT[1000:2000]
        assert response.headers["Content-Range"] == f"bytes 1000-1999/{len(CONTENT)}"


async def test_a_store_that_does_not_answer_is_told_as_busy(bench, served, monkeypatch):
    _, url = served

    async def read(*_, **__):
        raise TimeoutError

    async with bench.client() as http:
        with monkeypatch.context() as patched:
            patched.setattr(bench.node.store, "read", read)
            async with http.get(url) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "30")
        async with http.get(url) as response:
            assert response.status == 200


@pytest.mark.parametrize("error", [TimeoutError(), OperationalError("", {}, Exception("gone"))])
async def test_who_is_refused_is_told_so_though_the_store_can_not_say_who_that_is(
    bench, served, monkeypatch, error
):
    bench.clock[0] += bench.node.settings.file_url_lifetime + 1

    async def read(*_, **__):
        raise error

    async with bench.client() as http:
        with monkeypatch.context() as patched:
            patched.setattr(bench.node.store, "read", read)
            async with http.get(served[1]) as response:
                assert (response.status, "expired" in await response.text()) == (410, True)


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), OSError(5, "I/O"), AcsError("S3 is away")])
async def test_what_vanishes_on_its_way_is_cut_off_and_not_mixed_with_an_answer(
    bench, served, monkeypatch, error
):
    _, url = served

    async def get(*_):
        yield CONTENT[:1000]
        raise error

    monkeypatch.setattr(bench.node.storage, "get", get)
    async with bench.client() as http, http.get(url) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_a_url_expires(bench, served):
    _, url = served
    bench.clock[0] += bench.node.settings.file_url_lifetime + 1
    async with bench.client() as http, http.get(url) as response:
        assert response.status == 410
        assert "expired" in await response.text()


async def test_a_blocked_device_gets_no_file(bench, served):
    device, url = served
    await bench.node.store.write(dev.block, device.id, "stolen", who="op", now=bench.clock[0])
    async with bench.client() as http, http.get(url) as response:
        assert response.status == 403


async def test_guessed_tokens_and_other_names_find_nothing(bench, served):
    _, url = served
    base, _, name = url.rpartition("/")
    tries = [f"{base}/other.bin", f"{base[:-4]}AAAA/{name}", f"{base}/..%2F..%2Fmaster.key"]
    async with bench.client() as http:
        for each in tries:
            async with http.get(each) as response:
                assert response.status == 404, each
    assert bench.metric("acs_files_served_total", reason="x") == 0


def test_a_grant_is_for_one_device_and_one_name():
    urls = FileUrls(b"k" * 32, lambda: "https://acs/", lifetime=10)
    url = urls.url(7, "a b", 100.0)
    assert url.startswith("https://acs/files/")
    assert url.endswith("/a%20b")
    grant = urls.open(url.split("/")[4])
    assert (grant.device_id, grant.name, grant.expires_at) == (7, "a b", 110.0)
    assert FileUrls(b"x" * 32, lambda: "", lifetime=1).open(url.split("/")[4]) is None
    assert urls.open("\u00e9") is None


async def test_a_file_that_can_not_be_read_is_a_clear_error(tmp_path):
    with pytest.raises(AcsError, match="can't take in"):
        await take_in(DiskStorage(tmp_path), tmp_path / "none")


async def test_the_url_is_short_enough_for_download(bench, served):
    _, url = served
    assert len(url) <= 256  # TR-069 A.3.2.8
    async with bench.client() as http:
        await bench.post(http, inform())


def test_an_upload_url_is_for_one_device_and_not_for_fetching():
    urls = FileUrls(b"k" * 32, lambda: "https://acs/", lifetime=10)
    url = urls.upload_url(7, "4 Vendor Log File 1", "c1-2", 100.0)
    token = url.removeprefix("https://acs/uploads/")
    grant = urls.open_upload(token)
    assert (grant.device_id, grant.kind, grant.command_key, grant.expires_at) == (
        7,
        "4 Vendor Log File 1",
        "c1-2",
        110.0,
    )
    assert not grant.standing
    assert urls.open(token) is None
    assert urls.open_upload(urls.url(7, "a", 100.0).split("/")[4]) is None
    assert grant.key != urls.open_upload(urls.upload_url(7, "x", "c1-2", 100.0).rpartition("/")[2]).key


def test_an_upload_url_that_is_too_long_is_refused():
    urls = FileUrls(b"k" * 32, lambda: "https://acs.example", lifetime=10)
    assert len(urls.upload_url(2**31, "X 0005B9 " + "x" * 40, "k" * 32, 1.8e9)) <= 256
    with pytest.raises(AcsError, match="shorten the file type"):
        urls.upload_url(2**31, "X" * 150, "k" * 32, 1.8e9)


def test_a_file_url_fits_with_the_longest_name_and_else_is_refused():
    urls = FileUrls(b"k" * 32, lambda: f"https://{'h' * 50}.example:7548", lifetime=10)
    assert len(urls.url(2**31, "x" * 48, 1.8e9, emergency=True)) <= 256
    with pytest.raises(AcsError, match="shorten the file's name"):
        urls.url(2**31, "x" * 80, 1.8e9)


async def test_head_tells_what_get_would_send(bench, served):
    _, url = served
    async with bench.client() as http, http.head(url) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(CONTENT))
        assert response.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
        assert await response.read() == b""
        async with http.head(
            url, headers={"Range": "bytes=0-9"}
        ) as whole:  # ranges are for GET (RFC 9110 14.2)
            assert (whole.status, whole.headers["Content-Length"]) == (200, str(len(CONTENT)))


async def test_a_broken_transfer_is_resumed_where_it_stopped(bench, served):
    _, url = served
    async with bench.client() as http:
        async with http.get(url) as response:
            first = await response.content.readexactly(30_000)
            etag = response.headers["ETag"]
            response.close()  # the line breaks
        headers = {"Range": "bytes=30000-", "If-Range": etag}
        async with http.get(url, headers=headers) as response:
            assert response.status == 206
            assert first + await response.read() == CONTENT
        async with http.get(url, headers={"Range": "bytes=30000-", "If-Range": '"other"'}) as response:
            assert response.status == 200
        async with http.get(url, headers={"If-None-Match": etag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with http.get(url, headers={"Range": "bytes=999999999-"}) as response:
            assert response.status == 416
            assert response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
            assert "Repr-Digest" not in response.headers
            assert await response.text() == f"the file has {len(CONTENT)} bytes\n"


async def test_a_content_that_is_lost_is_an_error_and_not_an_empty_file(bench, served):
    _, url = served
    bench.node.storage.path(f"files/{hashlib.sha256(CONTENT).hexdigest()}").unlink()
    async with bench.client() as http, http.get(url) as response:
        assert response.status == 500
    assert bench.metric("acs_files_served_total", result="bad-content") == 1


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_a_device_may_log_in_where_its_urls_have_to_be_short(bench, served, scheme):
    device, _ = served
    url, username, password = bench.node._urls.login(device.id, "image 1.bin", bench.clock[0])
    assert len(url) < 60

    async def fetch(username: str, password: str) -> int:
        options = (
            {"middlewares": (aiohttp.DigestAuthMiddleware(username, password),)}
            if scheme == "digest"
            else {"headers": {"Authorization": aiohttp.encode_basic_auth(username, password)}}
        )
        async with bench.client(bench.anonymous(), **options) as http, http.get(url) as response:
            if response.status == 200:
                assert await response.read() == CONTENT
            return response.status

    assert await fetch(username, password) == 200
    assert await fetch(username, password[:-1] + "A") == 401
    assert await fetch(username.replace("-", "0-", 1), password) == 401
    later = f"{device.id}-{int(bench.clock[0]) + 10**6}"
    assert await fetch(later, password) == 401
    bench.clock[0] += bench.node.settings.file_url_lifetime + 1
    assert await fetch(username, password) == 410
    async with bench.client(bench.anonymous()) as http, http.get(url) as response:
        assert response.status == 401
        schemes = [each.partition(" ")[0] for each in response.headers.getall("WWW-Authenticate")]
        assert schemes == ["Digest", "Digest", "Basic"]
