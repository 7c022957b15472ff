"""interop-and-hardening 2.18: an audit record for every write, and whoever touches it is found out."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from sqlalchemy import delete, func, insert, select, update

from acs import devices as dev
from acs.devices.audit import GENESIS, digest
from acs.security.signing import SigningKey
from acs.settings import load_settings
from acs.store import Store
from acs.store.tables import audit as table
from acs.store.tables import audit_checkpoints
from acs.watch import AuditKeeper
from tests.cli.conftest import acs, built, data, filled  # noqa: F401 - fixtures

pytestmark = pytest.mark.row("2.18")

KEY = "0005B9-0005B9423901"


@pytest.fixture
def key(tmp_path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "audit.key")


async def fill(store: Store, count: int = 5) -> None:
    for n in range(count):
        await store.write(dev.audit, f"user {n}", "did", "device", "because", now=1000.25 + n)


async def test_2_18_a_sound_record_is_sound(store, key):
    assert (await store.read(dev.check_audit)).sound
    await fill(store)
    made = await store.write(dev.make_checkpoint, key, now=2000.0)
    assert (made.entries, made.genuine) == (5, True)
    await fill(store)
    assert await store.read(dev.check_audit) == dev.AuditVerdict(10, 1)


async def test_2_18_the_first_altered_entry_is_named(store, key):
    await fill(store)
    for entry in (4, 2):
        await store.write(
            lambda c, e=entry: c.execute(update(table).where(table.c.id == e).values(who="x")).rowcount
        )
    verdict = await store.read(dev.check_audit)
    assert (verdict.broken, verdict.why) == (2, "it was altered")


async def test_2_18_an_entry_that_is_gone_from_the_middle_is_noticed(store):
    await fill(store)
    await store.write(lambda c: c.execute(delete(table).where(table.c.id == 3)).rowcount)
    verdict = await store.read(dev.check_audit)
    assert (verdict.broken, "before it is gone" in verdict.why) == (4, True)


async def test_2_18_the_end_that_was_cut_off_is_noticed_by_a_signed_checkpoint(store, key):
    await fill(store)
    await store.write(dev.make_checkpoint, key, now=2000.0)
    await store.write(lambda c: c.execute(delete(table).where(table.c.id > 3)).rowcount)
    verdict = await store.read(dev.check_audit)
    assert (verdict.broken, "cut off" in verdict.why) == (5, True)


async def test_2_18_cut_off_with_its_checkpoints_it_is_noticed_by_the_file_of_a_node(store, key):
    await fill(store)
    kept = await store.write(dev.make_checkpoint, key, now=2000.0)

    def cut(conn):
        conn.execute(delete(table).where(table.c.id > 3))
        conn.execute(delete(audit_checkpoints))

    await store.write(cut)
    assert (await store.read(dev.check_audit)).sound  # the database alone can't tell
    assert (await store.read(dev.check_audit, [kept])).broken == 5


async def test_2_18_a_record_that_was_written_anew_with_right_hashes_is_noticed(store, key):
    await fill(store)
    await store.write(dev.make_checkpoint, key, now=2000.0)

    def rewrite(conn):
        rows = conn.execute(select(table).order_by(table.c.id)).all()
        conn.execute(delete(table))
        previous = GENESIS
        for row in rows:
            who = "nobody" if row.id == 2 else row.who
            made = digest(previous, row.at, who, row.action, row.target, row.detail)
            values = dict(row._mapping) | {"who": who, "previous_hash": previous, "hash": made}
            conn.execute(insert(table).values(**values))
            previous = made

    await store.write(rewrite)
    assert await store.read(dev.verify_audit) is None  # the chain is whole
    verdict = await store.read(dev.check_audit)
    assert (verdict.broken, "written anew" in verdict.why) == (5, True)


async def test_2_18_a_forged_checkpoint_is_noticed(store, key, tmp_path):
    await fill(store)
    made = await store.write(dev.make_checkpoint, key, now=2000.0)
    other = SigningKey.load_or_create(tmp_path / "other.key")
    for forged in (
        msgspec.structs.replace(made, hash="0" * 64),
        msgspec.structs.replace(made, key=other.public),
        msgspec.structs.replace(made, signature="zz"),
    ):
        verdict = await store.read(dev.check_audit, [forged])
        assert "was not signed by the key" in verdict.why


async def test_2_18_a_node_signs_the_audit_only_where_it_has_grown_and_keeps_a_private_file(
    store, clock, tmp_path
):
    keeper = AuditKeeper(store, load_settings(None, {"data": tmp_path}, {}))
    assert await keeper.sign() is None
    await fill(store)
    assert (await keeper.sign()).entry == 5
    assert await keeper.sign() is None
    await fill(store, 1)
    assert (await keeper.sign()).entry == 6
    path = tmp_path / "audit-checkpoints.jsonl"
    assert [json.loads(line)["entry"] for line in path.read_text().splitlines()] == [5, 6]
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pki/audit.key").stat().st_mode & 0o777 == 0o600


async def test_2_18_concurrent_nodes_keep_one_chain(database_url, clock):
    nodes = [await Store.open(database_url, clock=clock) for _ in range(3)]
    try:
        writes = [
            node.write(dev.audit, f"node {n}", "did", str(i), now=float(i))
            for i in range(40)
            for n, node in enumerate(nodes)
        ]
        await asyncio.gather(*writes)
        verdict = await nodes[0].read(dev.check_audit)
        assert (verdict.entries, verdict.sound) == (120, True)
    finally:
        for node in nodes:
            await node.close()


def entries(acs, data) -> list:  # noqa: F811
    return acs("audit", "list", "--data", data, "--json", "--limit", 1000).json


def test_2_18_every_write_of_an_operator_is_recorded(acs, data, tmp_path):  # noqa: F811
    image, golden, ca = tmp_path / "newer.img", tmp_path / "golden.yaml", tmp_path / "ca.pem"
    image.write_bytes(b"image")
    golden.write_text("- {name: Device.Time.NTPServer1, value: ntp, type: 'xsd:string'}\n")
    from tests.security.pki import CA, pem

    ca.write_bytes(pem(CA("vendor").certificate))
    alarm = acs("alarms", "list", "--all", "--data", data, "--json").json[0]["id"]
    unblocked = ["case RELEASE", "device allowed"]  # its case waits with the device blocked, and is told
    writes = [
        (("devices", "register", "0005B9", "NEW"), ["device registered"]),
        (("devices", "block", KEY, "--because", "test"), ["device blocked"]),
        (("devices", "unblock", KEY, "--because", "test"), unblocked),
        (("commands", "send", KEY, "Reboot"), ["command Reboot"]),
        (("alarms", "ack", alarm), ["alarm acknowledged"]),
        (("files", "add", image, "--version", "9"), ["file added"]),
        (("golden", "set", golden, "--model", ""), ["declared state set"]),
        (("trust", "add", ca, "--oui", "0005B9"), ["vendor CA trusted"]),
    ]
    for write, actions in writes:
        before = entries(acs, data)
        done = acs(*write, "--data", data)
        assert done.code == 0, (write, done.err)
        after = entries(acs, data)
        made = after[: len(after) - len(before)][::-1]
        assert [each["action"] for each in made] == actions, write
        assert all(each["who"].endswith("@cli") for each in made)
        if before:  # the first entry of all follows none
            assert made[0]["previous_hash"] == before[0]["hash"]
    command = acs("commands", "list", "--state", "queued", "--data", data, "--json").json[0]["id"]
    assert acs("commands", "cancel", command, "--data", data).code == 0
    assert entries(acs, data)[0]["action"] == "command Reboot cancelled"
    assert acs("audit", "verify", "--data", data).code == 0


def test_2_18_verify_names_the_entry_and_fails(acs, data):  # noqa: F811
    import sqlite3

    for name in ("ONE", "TWO", "THREE"):
        acs("devices", "register", "0005B9", name, "--data", data)
    entry = entries(acs, data)[1]["id"]
    with sqlite3.connect(data / "acs.db") as db:
        db.execute("UPDATE audit SET detail = 'x' WHERE id = ?", (entry,))
    db.close()
    done = acs("audit", "verify", "--data", data)
    assert (done.code, done.text) == (1, f"the audit is BROKEN at entry {entry}: it was altered")
    assert acs("audit", "verify", "--data", data, "--json").code == 1


def test_2_5_an_exported_audit_holds_no_formula(acs, data, tmp_path):  # noqa: F811
    acs("devices", "block", KEY, "--because", "=HYPERLINK(1)", "--data", data)
    assert acs("audit", "export", tmp_path / "a.csv", "--data", data).code == 0
    assert ",'=HYPERLINK(1)," in (tmp_path / "a.csv").read_text()
    assert acs("audit", "export", tmp_path / "a.jsonl", "--data", data).code == 0
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["detail"] == "=HYPERLINK(1)"
    assert acs("audit", "export", tmp_path / "a.csv", "--data", data).code == 2


async def test_the_count_in_a_checkpoint_is_that_of_the_entries(store, key):
    await fill(store, 3)
    made = await store.write(dev.make_checkpoint, key, now=1.0)
    count = await store.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())
    assert made.entries == count == 3
