"""``acs files``: catalogue, signers, giving a file to a device, what devices sent."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acs import devices as dev
from acs import files as fl
from acs.store import Store

KEY = "0005B9-0005B9423901"
VENDOR = Ed25519PrivateKey.generate()


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"x" * 1000)
    path.with_name("image.bin.sig").write_bytes(VENDOR.sign(path.read_bytes()))
    return path


@pytest.fixture
def signer(acs, data, tmp_path):
    path = tmp_path / "vendor.pem"
    path.write_bytes(VENDOR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    trusted = acs("files", "trust-signer", "vendor", path, "--data", data)
    assert (trusted.code, trusted.out.startswith("vendor: Ed25519, SHA-256 ")) == (0, True)
    return path


def names(acs, data) -> dict:
    return {each["name"]: each for each in acs("files", "list", "--data", data, "--json").json}


def test_an_image_is_added_by_one_and_approved_by_another(acs, data, image, signer, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("fixes it", encoding="utf-8")
    options = ("--product-class", "HeNB-LTE", "--notes", notes, "--data", data)
    added = acs("files", "add", image, "--version", "3.0.0", *options)
    assert (added.code, "image.bin: 1000 bytes, SHA-256 " in added.out) == (0, True)
    assert names(acs, data)["image.bin"]["state"] == "waiting"
    alone = acs("files", "approve", "image.bin", "--data", data)
    assert (alone.code, "a second person has to approve it (--by)" in alone.err) == (2, True)
    done = acs("files", "approve", "image.bin", "--by", "second", "--data", data)
    assert done.text == "image.bin is approved"
    found = acs("files", "show", "image.bin", "--data", data).json
    assert (found["state"], found["approved_by"], found["release_notes"]) == (
        "approved",
        "second",
        "fixes it",
    )
    assert found["added_by"].endswith("@cli")
    assert (data / "files" / found["sha256"]).read_bytes() == image.read_bytes()
    assert "image.bin" in acs("files", "list", "--data", data).out


def test_an_image_without_signature_waits_for_one(acs, data, image, signer):
    image.with_name("image.bin.sig").rename(image.with_name("apart.sig"))
    added = acs("files", "add", image, "--version", "1", "--data", data)
    assert "it has no signature; add it again with --signature" in added.out
    refused = acs("files", "approve", "image.bin", "--by", "second", "--data", data)
    assert "has no signature of a trusted signer" in refused.err
    again = acs(
        "files", "add", image, "--version", "1", "--signature", image.with_name("apart.sig"), "--data", data
    )
    assert again.code == 0
    assert names(acs, data)["image.bin"]["state"] == "waiting"


def test_a_forged_signature_is_refused(acs, data, image, signer):
    image.write_bytes(b"y" * 1000)
    refused = acs("files", "add", image, "--version", "1", "--data", data)
    assert (refused.code, "of none of the trusted signers; see: acs files signers" in refused.err) == (
        2,
        True,
    )


def test_a_signer_is_distrusted_with_all_that_it_released(acs, data, image, signer):
    acs("files", "add", image, "--version", "1", "--data", data)
    assert [each["name"] for each in acs("files", "signers", "--data", data, "--json").json] == ["vendor"]
    done = acs("files", "distrust-signer", "vendor", "stolen", "--data", data)
    assert done.text == "vendor is not trusted any more; revoked: image.bin"
    assert names(acs, data)["image.bin"]["revoked_because"].endswith("stolen")
    assert acs("files", "signers", "--data", data, "--json").json == []


def test_a_name_that_looks_like_markup_is_a_name(acs, data, image, signer):
    assert acs("files", "add", image, "--version", "1", "--name", "[/red]", "--data", data).code == 0
    assert acs("files", "approve", "[/red]", "--by", "b", "--data", data).text == "[/red] is approved"
    assert acs("files", "revoke", "[/red]", "old", "--data", data).text == "[/red] is revoked"


def test_a_file_is_sent_unless_it_is_below_the_floor(acs, data, image, signer, monkeypatch, tmp_path):
    monkeypatch.setenv("ACS_URL", "https://acs.example:7548")
    acs("files", "add", image, "--version", "3.0.0", "--data", data)
    early = acs("files", "send", KEY, "image.bin", "--data", data)
    assert (early.code, f"{KEY} can't be given a file: 'image.bin' is not approved" in early.err) == (2, True)
    acs("files", "approve", "image.bin", "--by", "second", "--data", data)
    assert acs("files", "send", KEY, "image.bin", "--data", data).code == 0
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    message = acs("commands", "show", queued["id"], "--data", data).json["payload"]
    assert message["url"].startswith("https://acs.example:7548/files/")
    assert (message["file_type"], message["file_size"]) == (fl.FIRMWARE, 1000)
    assert acs("files", "send", KEY, "image.bin", "--login", "--key", "short", "--data", data).code == 0
    sent = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    (number,) = (each["id"] for each in sent if each["command_key"] == "short")
    short = acs("commands", "show", number, "--data", data).json["payload"]
    assert short["url"] == "https://acs.example:7548/files/image.bin"
    assert short["username"]
    policy = tmp_path / "policy.yaml"
    policy.write_text('extends: default\nminimal_versions: {"*": "4"}\n', encoding="utf-8")
    monkeypatch.setenv("ACS_POLICY", str(policy))
    below = acs("files", "send", KEY, "image.bin", "--data", data)
    assert (below.code, "version 3.0.0, below the policy's floor 4" in below.err) == (2, True)
    assert acs("files", "send", KEY, "image.bin", "--emergency", "bricked", "--data", data).code == 0


def test_a_file_is_requested_of_a_device(acs, data, monkeypatch):
    monkeypatch.setenv("ACS_URL", "https://acs.example:7548")
    done = acs("files", "request", KEY, "4 Vendor Log File 1", "--key", "log", "--data", data)
    assert done.code == 0, done.err
    sent = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    (number,) = (each["id"] for each in sent if each["command_key"] == "log")
    message = acs("commands", "show", number, "--data", data).json["payload"]
    assert message["url"].startswith("https://acs.example:7548/uploads/")
    assert message["file_type"] == "4 Vendor Log File 1"


def test_uploads_are_listed_shown_and_fetched(acs, data, tmp_path):
    async def fill() -> int:
        store = await Store.open(f"sqlite:///{data / 'acs.db'}")
        storage = fl.DiskStorage(data)

        def claim(conn) -> fl.Claim:
            device = dev.find(conn, KEY)
            dev.unblock(conn, device.id, "for the test", who="test", now=1.0)
            grant = fl.UploadGrant(device.id, "4 Vendor Log File 1", "k", 2e9, key="g")
            limits = fl.UploadLimits(100, 100, 100)
            facts = {"name": "[red]log", "media_type": "text/html", "address": "192.0.2.1", "now": 1.0}
            return fl.claim_upload(conn, grant, limits=limits, declared=5, **facts)

        async def content():
            yield b"<scr>"

        claimed = await store.write(claim)
        stored = await storage.put(claimed.storage_key, content())
        await store.write(fl.complete_upload, claimed, stored, now=2.0)
        await store.close()
        return claimed.upload_id

    number = asyncio.run(fill())
    (found,) = acs("files", "uploads", "list", "--device", KEY, "--data", data, "--json").json
    assert (found["id"], found["state"], found["size"], found["name"]) == (number, "stored", 5, "[red]log")
    assert "[red]log" in acs("files", "uploads", "list", "--data", data).out
    assert acs("files", "uploads", "show", number, "--data", data).json == found
    target = tmp_path / "fetched"
    assert acs("files", "uploads", "fetch", number, target, "--data", data).code == 0
    assert target.read_bytes() == b"<scr>"
    assert target.stat().st_mode & 0o777 == 0o600
    again = acs("files", "uploads", "fetch", number, target, "--data", data)
    assert (again.code, again.err) == (2, f"acs: {target} exists; name a new file\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("approve", "nothing"), "the catalogue has no file named 'nothing'; see: acs files list"),
        (("show", "nothing"), "the catalogue has no file named 'nothing'"),
        (("revoke", "nothing", "x"), "the catalogue has no file named 'nothing'"),
        (("distrust-signer", "nobody", "x"), "there is no signer named 'nobody'; see: acs files signers"),
        (("uploads", "show", 99), "there is no upload 99; see: acs files uploads list"),
        (("uploads", "fetch", 99, "x"), "there is no upload 99"),
    ],
)
def test_a_mistake_is_one_sentence(acs, data, arguments, message):
    done = acs("files", *arguments, "--data", data)
    assert done.code == 2
    assert message in done.err


def test_what_can_not_be_asked_for_is_told_without_a_choice_that_there_is_not(acs, data, monkeypatch):
    monkeypatch.setenv("ACS_URL", "https://acs.example:7548")
    done = acs("files", "request", KEY, "Log", "--data", data)
    assert (done.code, done.err) == (
        2,
        "acs: the FileType 'Log' is none; for example '4 Vendor Log File 1'\n",
    )


def test_a_file_that_nobody_may_be_given_is_removed_with_its_content(acs, data, image, signer, tmp_path):
    assert acs("files", "add", image, "--version", "3.0.0", "--data", data).code == 0
    assert acs("files", "approve", "image.bin", "--by", "second", "--data", data).code == 0
    content = data / "files" / names(acs, data)["image.bin"]["sha256"]
    refused = acs("files", "remove", "image.bin", "--data", data)
    assert (refused.code, "revoke it first: acs files revoke image.bin" in refused.err) == (2, True)
    assert acs("files", "add", image, "--version", "3.0.0", "--name", "twin", "--data", data).code == 0
    assert acs("files", "revoke", "image.bin", "typo", "--data", data).code == 0
    assert acs("files", "remove", "image.bin", "--data", data).text == "image.bin is removed"
    assert (set(names(acs, data)), content.exists()) == ({"image", "twin"}, True)  # the twin has it too
    assert acs("files", "remove", "twin", "--data", data).code == 0
    assert (set(names(acs, data)), content.exists()) == ({"image"}, False)
    assert acs("files", "remove", "twin", "--data", data).code == 2
    actions = [each["action"] for each in acs("audit", "list", "--data", data, "--json").json]
    assert actions.count("file removed") == 2


def test_what_is_not_entered_leaves_no_content(acs, data, image, signer):
    assert acs("files", "add", image, "--version", "3.0.0", "--data", data).code == 0
    (kept,) = (data / "files").iterdir()
    image.write_bytes(b"another content")
    image.with_name("image.bin.sig").unlink()
    refused = acs("files", "add", image, "--version", "3.0.0", "--data", data)
    assert (refused.code, "another file named 'image.bin'" in refused.err) == (2, True)
    assert list((data / "files").iterdir()) == [kept]
