"""A CPE gets no other device's file, and what it sends can do no harm."""

from __future__ import annotations

import asyncio
import base64
import zlib

import aiohttp
import pytest

from acs import devices as dev
from acs import files as fl
from acs.security import Scope
from tests.releasing import release
from tests.security.pki import CA
from tests.security.test_certificates import NAME, client, trusted
from tests.southbound.conftest import SERIAL, make_bench

pytestmark = pytest.mark.row("2.13")
LOG = "4 Vendor Log File 1"
HTML = b"<html><script>alert(1)</script></html>"


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path, upload_size=10_000):
        yield made


@pytest.fixture
async def device(bench):
    return await bench.node.store.write(dev.register, "0005B9", SERIAL, now=bench.clock[0])


@pytest.fixture
async def fetch_url(bench, device, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"image " * 1000)
    await release(bench.node, bench.vendor, path, product_class="*")
    return bench.node.env.file_url(device.id, "image", bench.clock[0])


@pytest.fixture
def upload_url(bench, device):
    return bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])


async def ask(http, method: str, url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    async with http.request(method, url, data=data, headers=headers) as response:
        return response.status, await response.text(errors="replace")


def on_disk(bench) -> list[str]:
    root = bench.node.settings.data / "uploads"
    return [str(path) for path in root.rglob("*") if path.is_file()] if root.is_dir() else []


@pytest.mark.parametrize(
    "name", ["..%2f..%2fmaster.key", "%2e%2e/%2e%2e/master.key", "..", "/etc/passwd", "image%00", "acs.db"]
)
async def test_a_path_leads_nowhere_but_to_the_file_that_was_granted(bench, fetch_url, name):
    base = fetch_url.rpartition("/")[0]
    path = f"/{base.split('/', 3)[3]}/{name}"
    head = f"GET {path} HTTP/1.1\r\nHost: acs\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.node.southbound.port, ssl=bench.tls())
    writer.write(head.encode())
    status = (await reader.read()).partition(b"\r\n")[0]
    writer.close()
    assert status.split()[1] in (b"404", b"400", b"405")


@pytest.mark.parametrize("key", ["../x", "a/../b", "/etc/passwd", "a//b", "", "a\x00b", ".hidden", "a\\b"])
def test_the_storage_takes_no_key_that_leads_elsewhere(tmp_path, key):
    with pytest.raises(ValueError, match="is no key of the file storage"):
        fl.DiskStorage(tmp_path).path(key)


async def test_another_devices_url_is_refused_to_a_device_that_shows_its_certificate(
    bench, fetch_url, upload_url
):
    async with bench.client(bench.tls("B2")) as other:
        assert (await ask(other, "GET", fetch_url))[0] == 403
        assert (await ask(other, "PUT", upload_url, b"x"))[0] == 403
    async with bench.client() as own:
        assert (await ask(own, "GET", fetch_url))[0] == 200
        assert (await ask(own, "PUT", upload_url, b"x"))[0] == 201
    assert bench.metric("acs_files_served_total", result="identity-of-another") == 2


async def test_where_certificates_are_required_a_url_alone_is_not_enough(tmp_path):
    async for bench in make_bench(tmp_path, file_certificate="required"):
        device = await bench.node.store.write(dev.register, "0005B9", SERIAL, now=bench.clock[0])
        url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
        async with bench.client(bench.anonymous()) as http:
            assert (await ask(http, "PUT", url, b"x"))[0] == 403
        async with bench.client() as http:
            assert (await ask(http, "PUT", url, b"x"))[0] == 201


async def test_an_expired_url_is_refused(bench, fetch_url, upload_url):
    bench.clock[0] += bench.node.settings.file_url_lifetime + 1
    async with bench.client() as http:
        assert (await ask(http, "GET", fetch_url))[0] == 410
        assert (await ask(http, "PUT", upload_url, b"x"))[0] == 410
    assert on_disk(bench) == []


async def test_a_tampered_token_is_refused(bench, fetch_url, upload_url):
    """All of it is sealed: device, name, expiry, and that a URL for fetching is not one for sending."""
    async with bench.client() as http:
        for method, url, position in (("GET", fetch_url, 4), ("PUT", upload_url, 4)):
            parts = url.split("/")
            raw = bytearray(base64.urlsafe_b64decode(parts[position] + "=" * (-len(parts[position]) % 4)))
            for index in (0, 13, len(raw) // 2, len(raw) - 1):
                changed = bytearray(raw)
                changed[index] ^= 1
                parts[position] = base64.urlsafe_b64encode(changed).decode().rstrip("=")
                assert (await ask(http, method, "/".join(parts), b"x" if method == "PUT" else None))[0] == 404
        token = fetch_url.split("/")[4]
        assert (await ask(http, "PUT", upload_url.rpartition("/")[0] + "/" + token, b"x"))[0] == 404
    assert on_disk(bench) == []


async def test_an_upload_url_works_once(bench, upload_url):
    async with bench.client() as http:
        assert (await ask(http, "PUT", upload_url, b"first"))[0] == 201
        assert (await ask(http, "PUT", upload_url, b"second"))[0] == 410
        assert (await ask(http, "POST", upload_url + "/other-name", b"third"))[0] == 410
        # another text for the same bytes of base64
        alias = upload_url + "=" * (-len(upload_url.rpartition("/")[2]) % 4)
        assert (await ask(http, "PUT", alias, b"fourth"))[0] in (404, 410)
    (found,) = await bench.node.store.read(fl.list_uploads)
    assert found.size == 5
    assert len(on_disk(bench)) == 1


async def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(bench, device):
    """By its Content-Length before a byte is read, chunked or packed as soon as it is too much."""

    async def endless():
        for _ in range(1000):
            yield b"x" * 1000

    url = bench.node.env.upload_url(device.id, LOG, "k", bench.clock[0])
    async with bench.client() as http:
        assert (await ask(http, "PUT", url, b"x" * 10_001))[0] == 413
        assert (await ask(http, "PUT", url, endless()))[0] == 413
        bomb = zlib.compress(b"\0" * 10_000_000)
        assert (await ask(http, "PUT", url, bomb, **{"Content-Encoding": "deflate"}))[0] == 413
        assert on_disk(bench) == []
        assert (await ask(http, "PUT", url, b"x" * 10_000))[0] == 201


@pytest.mark.parametrize("media_type", ["text/html", "application/javascript", "image/svg+xml", "x"])
async def test_a_type_that_is_not_expected_is_refused(bench, upload_url, media_type):
    async with bench.client() as http:
        status, text = await ask(http, "PUT", upload_url, HTML, **{"Content-Type": media_type})
        assert (status, text) == (415, f"{media_type} is not taken here\n")
        form = aiohttp.FormData()
        form.add_field("file", HTML, filename="x", content_type=media_type)
        async with http.post(upload_url, data=form) as response:
            assert response.status == 415
    assert on_disk(bench) == []


async def test_html_that_was_uploaded_is_never_served(bench, upload_url):
    """It is kept, as what a device sent; but nothing that a browser could ask for gives it back."""
    async with bench.client() as http:
        sent = await ask(http, "PUT", f"{upload_url}/index.html", HTML, **{"Content-Type": "text/plain"})
        assert sent[0] == 201
        (found,) = await bench.node.store.read(fl.list_uploads)
        base = bench.node.url
        token = upload_url.rpartition("/")[2]
        for url in (
            upload_url,
            f"{upload_url}/index.html",
            f"{base}/{found.storage_key}",
            f"{base}/files/{token}/index.html",
        ):
            status, text = await ask(http, "GET", url)
            assert status in (404, 405)
            assert "<script>" not in text
    path = bench.node.storage.path(found.storage_key)
    assert path.read_bytes() == HTML
    assert path.stat().st_mode & 0o111 == 0


async def test_what_is_served_is_never_shown_inline(bench, fetch_url):
    async with bench.client() as http, http.get(fetch_url) as response:
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"] == "application/octet-stream"


async def test_a_blocked_device_neither_fetches_nor_sends(bench, device, fetch_url, upload_url):
    await bench.node.store.write(dev.block, device.id, "stolen", who="op", now=bench.clock[0])
    async with bench.client() as http:
        assert (await ask(http, "GET", fetch_url))[0] == 403
        assert (await ask(http, "PUT", upload_url, b"x"))[0] == 403


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\n\r\nno file\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"nothing like a form", "multipart/form-data; boundary=b"),
        (b"--b\r\n" * 100, "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\ncut off',
            "multipart/form-data; boundary=b",
        ),
        (
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
async def test_a_broken_form_is_refused_and_may_be_sent_again(bench, upload_url, body, content_type):
    async with bench.client() as http:
        status, _ = await ask(http, "POST", upload_url, body, **{"Content-Type": content_type})
        assert status == 400
        assert on_disk(bench) == []
        assert (await ask(http, "POST", upload_url, b"good"))[0] == 200


async def test_a_revoked_certificate_neither_fetches_nor_sends(bench, fetch_url, upload_url):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=("0005B9",)))
    leaf = ca.issue(NAME)
    async with client(bench, leaf) as http:
        async with http.get(fetch_url) as response:
            assert response.status == 200
        ca.revoke(leaf.certificate)
        revocations = bench.node.southbound.endpoint.revocations
        revocations.directory.mkdir(exist_ok=True)
        (revocations.directory / "ca.crl").write_bytes(ca.make_crl(bench.clock[0]))
        await revocations.refresh()
        async with http.get(fetch_url) as response:
            assert (response.status, "revoked by its CA" in await response.text()) == (403, True)
        async with http.put(upload_url, data=b"log") as response:
            assert response.status == 403
    assert await bench.node.store.read(fl.list_uploads) == []


async def test_a_device_that_a_rule_blocks_neither_fetches_nor_sends_and_is_shown(
    bench, device, fetch_url, upload_url
):
    admission = bench.node.southbound.endpoint.admission
    rule = {"oui": "0005B9", "reason": "recalled", "who": "op", "now": bench.clock[0]}
    await bench.node.store.write(dev.add_admission_rule, "block", **rule)
    await admission.refresh()
    async with bench.client() as http:
        async with http.get(fetch_url) as response:
            assert (response.status, "recalled" in await response.text()) == (403, True)
        async with http.put(upload_url, data=b"log") as response:
            assert response.status == 403
    guess = f"{bench.node.url}/files/guessed/name"
    async with bench.client(bench.anonymous()) as http, http.get(guess) as response:
        assert response.status == 404
    await admission.refresh()
    [found] = await bench.node.store.read(dev.list_refusals)  # who guesses is nobody
    assert (found.claimed, found.reason, found.count) == (device.device_key, "file: blocked-by-rule", 2)
