"""interop-and-hardening 2.7: certificates do not expire unseen, and the node renews its own."""

from __future__ import annotations

import asyncio
import hashlib
import ssl

import pytest
import structlog
from sqlalchemy import update
from structlog.testing import LogCapture

from acs import alarms as al
from acs import devices as dev
from acs.security import Scope, Secrets
from acs.store.tables import devices as table
from acs.watch import EXPIRING, Watch
from tests.security.pki import CA, pem
from tests.security.test_certificates import NAME, client, trusted
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

DAY = 86400.0


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


def watch(bench) -> Watch:
    node = bench.node
    secrets = Secrets.load_or_create(node.settings.data)
    return Watch(
        node.store, node.settings, secrets, southbound=node.southbound, env=node.env, metrics=node.metrics
    )


async def alarm_of(bench) -> al.Alarm | None:
    def look(conn):
        return al.find_alarm(conn, dev.find(conn, f"{OUI}-{SERIAL}").id, EXPIRING)

    return await bench.node.store.read(look)


async def test_2_7_a_device_certificate_that_expires_is_warned_about_and_cleared_when_it_was_renewed(bench):
    ca = CA("vendor")
    trusted(bench, ca, Scope(ouis=(OUI,)))
    leaf = ca.issue(NAME)
    async with client(bench, leaf) as http:
        assert (await bench.post(http, inform())).status == 200
    await watch(bench).look()
    assert await alarm_of(bench) is None
    bench.clock[0] = leaf.certificate.not_valid_after_utc.timestamp() - 10 * DAY
    await watch(bench).look()
    alarm = await alarm_of(bench)
    assert (alarm.state, alarm.additional_text) == ("active", "its certificate expires in 10 days")
    assert (alarm.probable_cause, alarm.perceived_severity) == ("KEY_EXPIRED", "WARNING")
    await watch(bench).look()  # once is enough
    async with client(bench, ca.issue(NAME, days=3000)) as http:
        assert (await bench.post(http, inform())).status == 200
    await watch(bench).look()
    assert (await alarm_of(bench)).state == "cleared"


async def test_2_7_however_many_certificates_expire_at_once_all_are_warned_about_within_minutes(bench):
    def fill(conn):
        for number in range(230):
            device = dev.register(conn, OUI, f"E{number}", now=1.0)
            soon = bench.clock[0] + 10 * DAY
            conn.execute(update(table).where(table.c.id == device.id).values(certificate_not_after=soon))

    await bench.node.store.write(fill)
    watching = watch(bench)
    for _ in range(3):
        await watching.look()
    warned = await bench.node.store.read(lambda conn: dev.count(conn, dev.DeviceFilter(having=("alarm",))))
    assert warned == 230


async def test_2_7_when_cas_and_crl_files_end_is_told_as_long_as_they_are_there(bench, monkeypatch):
    log = LogCapture()
    monkeypatch.setattr("acs.watch._log", structlog.wrap_logger(None, processors=[log]))
    ca, shorter = CA("vendor"), CA("other", days=200)
    trusted(bench, ca, Scope(ouis=(OUI,)))
    both = bench.node.settings.vendor_directory / "other.pem"
    both.write_bytes(both.read_bytes() + pem(shorter.certificate))
    bench.node.southbound.endpoint.vendors.refresh()
    revocations = bench.node.southbound.endpoint.revocations
    revocations.directory.mkdir(exist_ok=True)
    (revocations.directory / "a.crl").write_bytes(ca.make_crl(bench.clock[0], hours=1))
    await revocations.refresh()
    watching = watch(bench)
    await watching.look()
    assert expiry(bench, "vendor", both.name) == shorter.certificate.not_valid_after_utc.timestamp()
    assert expiry(bench, "crl", "a.crl") == bench.clock[0] + 3600
    bench.clock[0] += 3601
    for _ in range(2):
        await watching.look()
    assert [each["file"] for each in log.entries if "CRL is too old" in each["event"]] == ["a.crl"]
    (revocations.directory / "a.crl").unlink()
    await revocations.refresh()
    await watching.look()
    assert expiry(bench, "crl", "a.crl") is None


def expiry(bench, kind: str, name: str) -> float:
    registry = bench.node.metrics.registry
    labels = {"kind": kind, "name": name}
    return registry.get_sample_value("acs_certificate_expiry_timestamp_seconds", labels)


async def shown(bench) -> str:
    """Return the SHA-256 of the certificate that the listener shows."""
    context = ssl.create_default_context(cafile=bench.node.settings.data / "pki/server/ca.pem")
    port = bench.node.southbound.port
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return hashlib.sha256(der).hexdigest()


async def test_2_7_the_servers_own_certificate_is_renewed_without_a_restart(bench):
    before = await shown(bench)
    watching = watch(bench)
    await watching.look()
    assert await shown(bench) == before
    until = bench.node.southbound.certificate.until
    assert expiry(bench, "server", "server.pem") == until
    async with bench.client() as http:
        assert (await bench.post(http, inform())).status == 200
        bench.clock[0] = until - 20 * DAY
        await watching.look()
        assert await shown(bench) != before
        await bench.post(http, inform())  # the connection that was open goes on
    async with bench.client(bench.anonymous()) as http:
        assert (await bench.post(http, inform())).status == 401


async def test_2_7_cas_that_expire_are_told_in_log_and_metric(bench, monkeypatch):
    log = LogCapture()
    monkeypatch.setattr("acs.watch._log", structlog.wrap_logger(None, processors=[log]))
    trusted(bench, CA("short", days=10_000), Scope(ouis=("00AAAA",)), "long")
    await watch(bench).look()
    assert log.entries == []
    trusted(bench, CA("short", days=12), Scope(ouis=("00BBBB",)), "short")
    bench.clock[0] = bench.node.southbound.endpoint.vendors.cas[-1].certificates[0].not_after - 5 * DAY
    watching = watch(bench)
    await watching.look()
    await watching.look()
    assert [(each["event"], each["days"]) for each in log.entries] == [("a CA expires", 5)]
    assert expiry(bench, "vendor", "short.pem") > bench.clock[0]
