"""interop-and-hardening 2.7: what a device's certificate proves, and for how long."""

from __future__ import annotations

import ssl
import time

import aiohttp
import pytest
from sqlalchemy import select

from acs import alarms as al
from acs import devices as dev
from acs.errors import AcsError
from acs.security import Certificate, Scope, find_path, write_private, write_scope
from acs.settings import load_settings
from acs.southbound.vendors import Vendors
from acs.store.tables import audit
from tests.security.pki import CA, Leaf, der, pem
from tests.southbound.conftest import OUI, SERIAL, inform, make_bench

pytestmark = pytest.mark.row("2.7")

NAME = f"{SERIAL}.{OUI}.henb.femto.example".lower()
FAR = 4_000_000_000.0


@pytest.fixture
async def bench(tmp_path):
    async for made in make_bench(tmp_path):
        yield made


def trusted(bench, ca: CA, scope: Scope, name: str = "other") -> None:
    """Put a CA where the node finds it, and have the node look."""
    path = bench.node.settings.vendor_directory / f"{name}.pem"
    path.parent.mkdir(exist_ok=True)
    write_scope(path, scope)
    write_private(path, pem(ca.certificate))
    bench.node.southbound.endpoint.vendors.refresh()


def client(bench, leaf: Leaf, *, kind=ssl.SSLContext) -> aiohttp.ClientSession:
    return bench.client(leaf.tls(bench.node.settings.data / "pki/server/ca.pem", kind=kind))


async def knows(bench, serial: str):
    """Have the ACS know a device of the bench's vendor."""
    async with bench.client(bench.tls(serial)) as http:
        assert (await bench.post(http, inform(serial))).status == 200


async def test_2_7_a_certificate_of_one_device_that_informs_for_another_is_refused_and_alarmed(bench):
    await knows(bench, "A1")
    await knows(bench, "B2")
    async with bench.client(bench.tls("A1")) as http:
        answer = await bench.post(http, inform("B2"))
    assert (answer.status, answer.text) == (
        403,
        "the certificate of a1.0005b9.henb.femto.example is not that of 0005B9-B2\n",
    )

    def look(conn):
        found = {}
        for serial in ("A1", "B2"):
            device = dev.find(conn, f"0005B9-{serial}")
            found[serial] = al.active_alarms(conn, device.id)
        rows = conn.execute(select(audit.c.target).where(audit.c.action == "identity claimed")).scalars()
        return found, list(rows)

    found, audited = await bench.node.store.read(look)
    [liar], [victim] = found["A1"], found["B2"]
    assert (liar.probable_cause, liar.perceived_severity) == ("AUTHENTICATION_FAILURE", "MAJOR")
    assert (victim.probable_cause, victim.perceived_severity) == ("AUTHENTICATION_FAILURE", "WARNING")
    assert {liar.detector, victim.detector} == {"HeMS:femto.example"}
    assert victim.event_type == "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"
    assert "127.0.0.1" in victim.additional_text
    assert audited == ["0005B9-B2"]
    assert bench.metric("acs_refused_total", reason="identity-of-another") == 1


async def test_2_7_the_claimed_device_is_not_remediated_for_what_another_did(bench):
    from acs.store.tables import cases

    await knows(bench, "A1")
    await knows(bench, "B2")
    async with bench.client(bench.tls("A1")) as http:
        for _ in range(3):
            await bench.post(http, inform("B2"))

    def procedures(conn):
        device = dev.find(conn, "0005B9-B2")
        query = select(cases.c.procedure).where(cases.c.device_id == device.id)
        return set(conn.execute(query).scalars())

    assert await bench.node.store.read(procedures) <= {"PROVISION", "P1"}
    assert bench.metric("acs_refused_total", reason="identity-of-another") == 3


async def test_2_7_a_ca_vouches_only_for_the_oui_in_its_scope(bench):
    other = CA("another vendor")
    trusted(bench, other, Scope(ouis=("00AAAA",)))
    async with client(bench, other.issue(NAME)) as http:
        answer = await bench.post(http, inform())
        assert (answer.status, "vouches for OUI 00AAAA alone" in answer.text) == (403, True)
    async with client(bench, other.issue(f"{SERIAL}.00aaaa.henb.femto.example".lower())) as http:
        assert (await bench.post(http, inform(oui="00AAAA"))).status == 200
    assert bench.metric("acs_refused_total", reason="out-of-scope") == 1


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (Scope(domains=("femto.example",)), 200),
        (Scope(domains=("emto.example",)), 403),
        (Scope(domains=("henb.vendor.example",)), 403),
        (Scope(product_classes=("HeNB-LTE",)), 200),
        (Scope(product_classes=("Gateway",)), 403),
        (Scope(ouis=(OUI,), domains=("other.example",)), 403),
        (Scope(unscoped=True), 200),
    ],
)
async def test_2_7_a_scope_limits_names_and_product_classes(bench, scope, status):
    other = CA("another vendor")
    trusted(bench, other, scope)
    async with client(bench, other.issue(NAME)) as http:
        assert (await bench.post(http, inform())).status == status


async def test_2_7_a_ca_without_a_scope_is_not_trusted(bench):
    other = CA("careless")
    folder = bench.node.settings.vendor_directory
    folder.mkdir(exist_ok=True)
    (folder / "careless.pem").write_bytes(pem(other.certificate))
    bench.node.southbound.endpoint.vendors.refresh()
    async with client(bench, other.issue(NAME)) as http:
        with pytest.raises(aiohttp.ClientError):
            await bench.post(http, inform())


async def test_2_7_a_wrong_ca_and_an_expired_certificate_are_refused_in_the_handshake(bench):
    expired = CA("short lived")
    trusted(bench, expired, Scope(ouis=(OUI,)))
    for leaf in (CA("unknown").issue(NAME), expired.issue(NAME, days=-0.5)):
        async with client(bench, leaf) as http:
            with pytest.raises(aiohttp.ClientError):
                await bench.post(http, inform())


async def test_2_7_a_certificate_that_expires_while_its_connection_lives_is_refused(bench):
    async with bench.client() as http:
        assert (await bench.post(http, inform())).status == 200
        bench.clock[0] = FAR
        answer = await bench.post(http, inform())
        assert (answer.status, "expired" in answer.text) == (403, True)


class Resuming(ssl.SSLContext):
    """The context of a client that resumes its last TLS session."""

    last = made = None

    def wrap_bio(self, incoming, outgoing, **options):
        self.made = super().wrap_bio(incoming, outgoing, session=self.last, **options)
        return self.made


async def connect(bench, context: Resuming):
    """POST an Inform on a connection of its own; return the status and whether it was resumed."""
    async with bench.client(context) as http:
        answer = await bench.post(http, inform())
        context.last = context.made.session
        return answer.status, context.made.session_reused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_2_7_a_removed_ca_vouches_for_nobody_at_once_on_any_connection(bench, version):
    other = CA("another vendor")
    trusted(bench, other, Scope(ouis=(OUI,)))
    leaf = other.issue(NAME)
    context = leaf.tls(bench.node.settings.data / "pki/server/ca.pem", kind=Resuming)
    context.maximum_version = version
    assert await connect(bench, context) == (200, False)
    assert await connect(bench, context) == (200, True)
    async with client(bench, leaf) as http:
        opened = await bench.post(http, inform())
        assert opened.status == 200
        (bench.node.settings.vendor_directory / "other.pem").unlink()
        bench.node.southbound.endpoint.vendors.refresh()
        answer = await bench.post(http, b"", cookie=opened.cookie)
        assert (answer.status, "no CA that is trusted here" in answer.text) == (403, True)
        assert (await bench.post(http, inform())).status == 403
    assert await connect(bench, context) == (403, True)
    context.last = None
    with pytest.raises(aiohttp.ClientError):
        await connect(bench, context)
    async with bench.client() as http:  # the other vendor's devices notice nothing
        assert (await bench.post(http, inform())).status == 200


async def test_2_7_an_intermediate_that_the_device_sends_leads_to_its_root_on_resumed_connections_too(bench):
    root = CA("root")
    issuing = CA("issuing", root)
    trusted(bench, root, Scope(ouis=(OUI,)))
    context = issuing.issue(NAME).tls(bench.node.settings.data / "pki/server/ca.pem", kind=Resuming)
    assert await connect(bench, context) == (200, False)
    bench.node.southbound.endpoint.vendors._vouched.clear()  # as if it had been forgotten
    assert await connect(bench, context) == (200, True)


async def test_an_issuing_ca_may_be_trusted_without_its_root(bench):
    issuing = CA("issuing", CA("root"))
    trusted(bench, issuing, Scope(ouis=(OUI,)))
    leaf = issuing.issue(NAME)
    leaf.chain = []
    async with client(bench, leaf) as http:
        assert (await bench.post(http, inform())).status == 200


def parse(certificate) -> Certificate:
    return Certificate.parse(der(certificate))


def path_of(leaf, others, anchors, now: float | None = None):
    trusted_ = {parse(each).fingerprint: parse(each) for each in anchors}
    return find_path(parse(leaf), map(parse, others), trusted_, now=now or time.time())


def test_a_path_is_found_over_intermediates_in_any_order_and_has_no_room_for_others():
    root = CA("root")
    one = CA("one", root)
    two = CA("two", one)
    leaf = two.issue("a.example")
    others = [one.certificate, CA("two").certificate, two.certificate]
    found = path_of(leaf.certificate, others, [root.certificate])
    assert [each.subject for each in found] == ["CN=a.example", "CN=two", "CN=one", "CN=root"]
    assert path_of(leaf.certificate, [two.certificate], [root.certificate]) is None
    assert path_of(leaf.certificate, others, []) is None
    assert path_of(leaf.certificate, others, [CA("root").certificate]) is None  # the name alone is not it


def test_what_is_no_ca_issues_nothing_that_counts():
    root = CA("root")
    no_ca = CA("a device's own certificate", root, ca=False)
    leaf = no_ca.issue("victim.example")
    assert path_of(leaf.certificate, [no_ca.certificate], [root.certificate]) is None


def test_what_has_expired_is_on_no_path():
    root = CA("root")
    leaf = root.issue("a.example")
    assert path_of(leaf.certificate, [], [root.certificate]) is not None
    assert path_of(leaf.certificate, [], [root.certificate], now=FAR) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "a CA needs a scope"),
        ({"ouis": ("0005b9",)}, "the OUI '0005b9' is not six"),
        ({"domains": ("..",)}, "the domain '..' is none"),
        ({"ouis": ("0005B9",), "unscoped": True}, "either unscoped or has a scope"),
    ],
)
def test_a_scope_that_limits_nothing_or_nonsense_is_refused(given, message):
    with pytest.raises(AcsError, match=message):
        Scope(**given)


def test_a_ca_of_the_settings_that_cannot_be_trusted_keeps_the_node_from_starting(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(pem(CA("vendor").certificate))
    vendors = Vendors(load_settings(None, {"data": tmp_path, "device_ca": [path]}, {}), time.time)
    with pytest.raises(AcsError, match="has no scope and is not trusted; run: acs trust scope"):
        vendors.refresh(strict=True)
