"""What an Inform changes in the registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.store import Store
from tests.conftest import Clock

ROOT = "Device."
USUAL = {
    "DeviceInfo.SoftwareVersion": "1.0.0",
    "DeviceInfo.HardwareVersion": "A",
    "ManagementServer.ParameterKey": "k1",
    "ManagementServer.ConnectionRequestURL": "http://192.0.2.1:7547/x",
    "DeviceInfo.ProvisioningCode": "p",
}


def inform(*events: str, root: str = ROOT, identity: m.DeviceId | None = None, **values: str) -> m.Inform:
    wanted = {**USUAL, **{name.replace("__", "."): value for name, value in values.items()}}
    return m.Inform(
        identity or m.DeviceId("ACME", "0005B9", "HeNB", "A1"),
        tuple(m.Event(code) for code in events or (ev.PERIODIC,)),
        parameters=tuple(m.ParameterValue(root + name, value) for name, value in wanted.items()),
    )


@contextmanager
def statements(conn: Connection) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_conn, _cursor, statement, _parameters, _context, _many) -> None:
        seen.append(statement.split()[0] + " " + statement.replace("\n", " ").split("WHERE")[0][:40])

    event.listen(conn, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(conn, "before_cursor_execute", note)


def arrive(conn: Connection, said: m.Inform, now: float) -> tuple[dev.CheckIn, list[str]]:
    before = dev.find(conn, "0005B9-A1", lock=True)
    assert before is not None
    with statements(conn) as seen:
        check = dev.check_in(conn, before, said, namespace=m.CWMP_1_2, now=now)
    return check, seen


@pytest.fixture
async def device(store: Store, clock: Clock) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A1", now=clock.now)


async def test_a_first_inform_fills_the_columns(store: Store, clock: Clock, device: dev.Device) -> None:
    check, _ = await store.write(arrive, inform(ev.BOOTSTRAP, ev.BOOT), clock.now)
    stored = await store.read(dev.get, device.id)
    assert stored == check.device
    assert check.first_contact
    assert (stored.root, stored.software_version, stored.hardware_version) == (ROOT, "1.0.0", "A")
    assert (stored.parameter_key, stored.connection_request_url) == ("k1", "http://192.0.2.1:7547/x")
    assert (stored.manufacturer, stored.product_class) == ("ACME", "HeNB")
    assert (stored.bootstrapped_at, stored.booted_at, stored.last_inform_at) == (clock.now,) * 3
    assert stored.cwmp_namespace == m.CWMP_1_2
    assert len(await store.read(dev.parameters_of, device.id)) == len(USUAL)


async def test_a_steady_inform_writes_one_row_and_reads_nothing(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    await store.write(arrive, inform(), clock.now)
    check, seen = await store.write(arrive, inform(), clock.now + 60)
    assert len(seen) == 1
    assert seen[0].startswith("UPDATE UPDATE devices")
    assert (check.epoch, check.device.last_inform_at, dict(check.changed)) == (2, clock.now + 60, {})
    assert (check.first_contact, check.boot, check.bootstrap, check.version_changed) == (False,) * 4


async def test_every_inform_raises_the_epoch(store: Store, clock: Clock, device: dev.Device) -> None:
    epochs = [(await store.write(arrive, inform(), clock.now))[0].epoch for _ in range(4)]
    assert epochs == [1, 2, 3, 4]
    assert (await store.read(dev.get, device.id)).session_epoch == 4


async def test_only_parameters_that_differ_are_written(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    first, _ = await store.write(arrive, inform(), clock.now)
    assert len(first.changed) == len(USUAL)
    second, seen = await store.write(arrive, inform(DeviceInfo__ProvisioningCode="q"), clock.now + 1)
    assert second.changed == {"Device.DeviceInfo.ProvisioningCode": "q"}
    assert not any("executemany" in each for each in seen)
    stored = await store.read(dev.parameters_of, device.id, "Device.DeviceInfo.")
    assert stored["Device.DeviceInfo.ProvisioningCode"].value == "q"
    assert stored["Device.DeviceInfo.HardwareVersion"].value == "A"


async def test_a_new_software_version_is_noticed(store: Store, clock: Clock, device: dev.Device) -> None:
    first, _ = await store.write(arrive, inform(), clock.now)
    second, _ = await store.write(arrive, inform(DeviceInfo__SoftwareVersion="2.0.0"), clock.now)
    third, _ = await store.write(arrive, inform(DeviceInfo__SoftwareVersion="2.0.0"), clock.now)
    assert [each.version_changed for each in (first, second, third)] == [False, True, False]
    assert third.device.software_version == "2.0.0"


@pytest.mark.parametrize(
    ("events", "bootstrap", "boot"),
    [
        ((ev.PERIODIC, ev.VALUE_CHANGE), False, False),
        ((ev.BOOT,), False, True),
        (("1 boot ",), False, True),
        ((ev.BOOTSTRAP,), True, True),
        ((ev.BOOTSTRAP, ev.BOOT), True, True),
    ],
)
async def test_boots_and_bootstraps_are_noticed(
    store: Store, clock: Clock, device: dev.Device, events: tuple[str, ...], bootstrap: bool, boot: bool
) -> None:
    check, _ = await store.write(arrive, inform(*events), clock.now)
    assert (check.bootstrap, check.boot) == (bootstrap, boot)
    stored = await store.read(dev.get, device.id)
    assert stored.booted_at == (clock.now if boot else None)
    assert stored.bootstrapped_at == (clock.now if bootstrap else None)


async def test_alarm_rows_are_not_kept_as_parameters(store: Store, clock: Clock, device: dev.Device) -> None:
    said = inform(FaultMgmt__ExpeditedEvent__1__AlarmIdentifier="7")
    check, _ = await store.write(arrive, said, clock.now)
    assert len(check.changed) == len(USUAL)
    assert not any("FaultMgmt" in name for name in await store.read(dev.parameters_of, device.id))


async def test_the_older_root_is_known_too(store: Store, clock: Clock, device: dev.Device) -> None:
    check, _ = await store.write(arrive, inform(root="InternetGatewayDevice."), clock.now)
    assert (check.device.root, check.device.software_version) == ("InternetGatewayDevice.", "1.0.0")


async def test_what_the_device_leaves_out_of_its_identity_is_kept(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    await store.write(arrive, inform(), clock.now)
    bare = m.DeviceId("", "0005B9", "", "A1")
    check, _ = await store.write(arrive, inform(identity=bare, DeviceInfo__ProvisioningCode="z"), clock.now)
    assert (check.device.manufacturer, check.device.product_class) == ("ACME", "HeNB")


async def test_values_too_long_for_their_columns_are_cut(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    long = m.DeviceId("M" * 100, "0005B9", "P" * 100, "A1")
    check, _ = await store.write(
        arrive, inform(identity=long, DeviceInfo__SoftwareVersion="v" * 5000), clock.now
    )
    assert len(check.device.manufacturer) == len(check.device.product_class) == 64
    assert len(check.device.software_version) == 1024


async def test_a_value_with_a_nul_can_be_stored_and_is_not_new_each_time(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    values = [m.ParameterValue("Device.X", "a\0b")]
    await store.write(dev.save_parameters, device.id, values, now=clock.now)
    stored = await store.read(dev.parameters_of, device.id)
    assert stored["Device.X"].value == "a\N{REPLACEMENT CHARACTER}b"
    assert await store.write(dev.save_parameters, device.id, values, now=clock.now) == {}


async def test_many_parameters_are_compared_in_pieces(store: Store, clock: Clock, device: dev.Device) -> None:
    values = [m.ParameterValue(f"Device.X.{n}.Y", str(n)) for n in range(1000)]
    assert len(await store.write(dev.save_parameters, device.id, values, now=clock.now)) == 1000
    values[777] = m.ParameterValue("Device.X.777.Y", "new")
    values[3] = m.ParameterValue("Device.X.3.Y", "3", "xsd:int")
    values.append(m.ParameterValue("", "nameless"))
    changed = await store.write(dev.save_parameters, device.id, values, now=clock.now)
    assert changed == {"Device.X.777.Y": "new", "Device.X.3.Y": "3"}
    stored = await store.read(dev.parameters_of, device.id)
    assert len(stored) == 1000
    assert stored["Device.X.3.Y"].type == "xsd:int"


async def test_parameters_are_found_by_what_their_names_begin_with(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    values = [m.ParameterValue(name, "1") for name in ("Device.A.B", "Device.A.C", "Device.AB", "Other.A")]
    await store.write(dev.save_parameters, device.id, values, now=clock.now)
    assert list(await store.read(dev.parameters_of, device.id, "Device.A.")) == ["Device.A.B", "Device.A.C"]
    assert len(await store.read(dev.parameters_of, device.id)) == 4


async def test_a_session_that_dies_with_work_left_is_reason_to_call(
    store: Store, clock: Clock, device: dev.Device
) -> None:
    quiet, _ = await store.write(arrive, inform(), clock.now)
    assert quiet.device.connection_request_at is None
    await store.write(
        cm.enqueue, device.id, m.Reboot("k"), command_key="k", purpose="operator", now=clock.now
    )
    busy, _ = await store.write(arrive, inform(), clock.now)
    assert busy.device.connection_request_at == clock.now + 60
    assert (await store.read(dev.get, device.id)).connection_request_at == clock.now + 60
