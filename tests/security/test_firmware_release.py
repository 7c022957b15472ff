"""Firmware: signed, hash-checked, no roll-back below the policy's floor, a second person's approval."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from acs import devices as dev
from acs import files as fl
from acs.errors import AcsError
from acs.simulator import Vendor
from tests.releasing import release
from tests.southbound.conftest import SERIAL, make_bench

pytestmark = pytest.mark.row("2.19")
POLICY = 'extends: default\nname: floors\nminimal_versions: {HeNB-LTE: "2.0.0"}\n'


@pytest.fixture
async def bench(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    async for made in make_bench(tmp_path, policy=tmp_path / "policy.yaml"):
        yield made


@pytest.fixture
async def device(bench):
    return await bench.node.store.write(
        dev.register, "0005B9", SERIAL, product_class="HeNB-LTE", now=bench.clock[0]
    )


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"image " * 1000)
    return path


async def fetch(bench, device, name: str, **options) -> tuple[int, bytes]:
    url = bench.node._urls.url(device.id, name, bench.clock[0], **options)
    async with bench.client() as http, http.get(url) as response:
        return response.status, await response.read()


async def test_a_released_image_is_given_away(bench, device, image):
    await release(bench.node, bench.vendor, image)
    assert await fetch(bench, device, "image") == (200, image.read_bytes())


async def test_who_added_an_image_can_not_approve_it(bench, image):
    await release(bench.node, bench.vendor, image, approved=False)
    for who in ("one", " ONE "):
        with pytest.raises(AcsError, match="one added 'image'; a second person has to approve it"):
            await bench.node.store.write(fl.approve_file, "image", who=who, now=bench.clock[0])


async def test_an_image_without_approval_is_neither_chosen_nor_served(bench, device, image):
    await release(bench.node, bench.vendor, image, approved=False)
    assert await bench.node.store.read(fl.approved_image, device, {}) is None
    status, text = await fetch(bench, device, "image")
    assert (status, b"is not approved" in text) == (403, True)


async def test_an_image_that_nobody_trusted_signed_is_not_taken_in(bench, image, tmp_path):
    forger = Ed25519PrivateKey.generate()
    signers = fl.TrustedSigners(bench.node.settings.data)
    signers.trust("vendor", bench.vendor.image_signer, "key")
    with pytest.raises(AcsError, match="that of none of the trusted signers"):
        await fl.enter_file(
            bench.node.store,
            bench.node.storage,
            signers,
            image,
            name="image",
            file_type=fl.FIRMWARE,
            version="2",
            signature=forger.sign(image.read_bytes()),
            who="one",
        )
    assert await bench.node.store.read(fl.list_files) == []


async def test_who_writes_to_the_database_alone_can_release_nothing(bench, device, image):
    stored = await fl.take_in(bench.node.storage, image)
    fl.TrustedSigners(bench.node.settings.data).trust("vendor", bench.vendor.image_signer, "key")
    (signer,) = fl.TrustedSigners(bench.node.settings.data).all()

    def forge(conn):
        facts = {"file_type": fl.FIRMWARE, "version": "9", "who": "x", "now": 1.0, "signature": b"forged"}
        digest = {"sha256": stored.sha256, "size": stored.size}
        fl.add_file(conn, "image", **facts, **digest, signer=signer.fingerprint)
        fl.approve_file(conn, "image", who="y", now=2.0)

    await bench.node.store.write(forge)
    status, text = await fetch(bench, device, "image")
    assert (status, b"can't vouch" in text) == (500, True)


async def test_content_that_was_changed_on_disk_is_not_given_away(bench, device, image):
    made = await release(bench.node, bench.vendor, image)
    assert (await fetch(bench, device, "image"))[0] == 200
    path = bench.node.storage.path(f"files/{made.sha256}")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert (await fetch(bench, device, "image"))[0] == 500


async def test_when_a_signer_is_not_trusted_any_more_its_images_stay_here(bench, device, image):
    await release(bench.node, bench.vendor, image)
    assert (await fetch(bench, device, "image"))[0] == 200
    fl.TrustedSigners(bench.node.settings.data).distrust("vendor")
    assert (await fetch(bench, device, "image"))[0] == 500


async def test_a_revoked_image_is_neither_chosen_nor_served(bench, device, image):
    await release(bench.node, bench.vendor, image)
    write, now = bench.node.store.write, bench.clock[0]
    await write(fl.revoke_file, "image", "it bricks rev-b", who="x", now=now)
    assert await bench.node.store.read(fl.approved_image, device, {}) is None
    status, text = await fetch(bench, device, "image", emergency=True)
    assert (status, b"was revoked: it bricks rev-b" in text) == (403, True)
    with pytest.raises(AcsError, match="was revoked by x"):
        await write(fl.approve_file, "image", who="y", now=now)


async def test_no_roll_back_below_the_floor(bench, device, image):
    """Not approved, not chosen, not put into a Download, not served; with an emergency stated, it is."""
    floors = bench.node.env.policy.minimal_versions
    await release(bench.node, bench.vendor, image, version="1.9.9", approved=False)
    read, write, now = bench.node.store.read, bench.node.store.write, bench.clock[0]
    with pytest.raises(AcsError, match=r"1\.9\.9, below the policy's floor 2\.0\.0 for HeNB-LTE"):
        await write(fl.approve_file, "image", who="another", now=now, minimal_versions=floors)
    await write(fl.approve_file, "image", who="another", now=now)  # before there was a floor
    assert await read(fl.approved_image, device, floors) is None
    with pytest.raises(AcsError, match="below the policy's floor"):
        await read(fl.demand_file, device, "image", floors)
    assert (await fetch(bench, device, "image"))[0] == 403
    found = await read(fl.demand_file, device, "image", floors, emergency=True)
    assert found.version == "1.9.9"
    assert (await fetch(bench, device, "image", emergency=True))[0] == 200


async def test_an_image_of_another_class_is_not_given_away(bench, device, image):
    await release(bench.node, bench.vendor, image, product_class="Other")
    status, text = await fetch(bench, device, "image")
    assert (status, b"is for product_class Other" in text) == (403, True)


async def test_another_vendors_key_does_not_fit(bench, device, image, tmp_path):
    made = await release(bench.node, bench.vendor, image)
    signers = fl.TrustedSigners(bench.node.settings.data)
    signers.distrust("vendor")
    signers.trust("vendor", Vendor(tmp_path / "other").image_signer, "key")
    assert made.signer != signers.all()[0].fingerprint
    assert (await fetch(bench, device, "image"))[0] == 500
