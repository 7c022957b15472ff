"""A node whose files are in S3: devices fetch from it and send to it as ever."""

from __future__ import annotations

from pathlib import Path

from acs import devices as dev
from acs import files as fl
from tests.releasing import release
from tests.southbound.conftest import SERIAL, make_bench


async def test_devices_fetch_and_send(s3_environment: None, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(range(256)) * 30_000)
    async for bench in make_bench(tmp_path, file_storage="s3://files/node"):
        now = bench.clock[0]
        device = await bench.node.store.write(dev.register, "0005B9", SERIAL, now=now)
        await release(bench.node, bench.vendor, image, product_class="*")
        async with bench.client() as http:
            url = bench.node.env.file_url(device.id, "image", now)
            async with http.get(url, headers={"Range": "bytes=1000000-"}) as response:
                assert response.status == 206
                assert await response.read() == image.read_bytes()[1_000_000:]
            url = bench.node.env.upload_url(device.id, "4 Vendor Log File 1", "k", now)
            async with http.put(url, data=image.open("rb")) as response:
                assert response.status == 201
        (found,) = await bench.node.store.read(fl.list_uploads)
        sent = [chunk async for chunk in bench.node.storage.get(found.storage_key)]
        assert b"".join(sent) == image.read_bytes()
        assert not (bench.node.settings.data / "uploads").exists()
