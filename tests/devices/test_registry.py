"""The registry: register, find, list, authenticate, admit."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.store import Store
from tests.conftest import Clock


@pytest.fixture
async def device(store: Store, clock: Clock) -> dev.Device:
    return await store.write(dev.register, "0005B9", "A1", product_class="HeNB", now=clock.now)


@pytest.mark.parametrize(
    ("oui", "serial", "key"),
    [
        ("0005B9", "012345", "0005B9-012345"),
        ("0005b9", "abc_DEF", "0005B9-abc_DEF"),
        ("0005B9", "a-b", "0005B9-a%2Db"),
        ("0005B9", "a.b~c d/e", "0005B9-a%2Eb%7Ec%20d%2Fe"),
        ("0005B9", "100%", "0005B9-100%25"),
        ("0005B9", "ß", "0005B9-%C3%9F"),
    ],
)
def test_all_but_letters_digits_and_underscore_is_percent_encoded_in_a_key(oui, serial, key) -> None:
    assert dev.device_key(oui, serial) == key


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_serial_numbers_have_different_keys(one: str, other: str) -> None:
    try:
        keys = dev.device_key("0005B9", one), dev.device_key("0005B9", other)
    except UnicodeEncodeError:  # half a surrogate pair cannot come out of XML
        return
    assert (keys[0] == keys[1]) == (one == other)
    assert all(set(key) <= set(string.ascii_letters + string.digits + "_%-") for key in keys)
    assert keys[0].count("-") == 1


def test_a_certificate_bears_serial_oui_and_realm_in_lower_case() -> None:
    name = dev.certificate_name("0005B9", "0005B9AA", "ims.mnc001.Example")
    assert name == "0005b9aa.0005b9.henb.ims.mnc001.example"


async def test_a_device_is_registered_once(store: Store, device: dev.Device) -> None:
    again = await store.write(dev.register, "0005b9", "A1", product_class="Other", now=5.0)
    assert again == device
    assert device.oui == "0005B9"
    assert not device.blocked
    assert await store.read(dev.count) == 1


@pytest.mark.parametrize("oui", ["", "0005B", "0005B9F", "00 5B9", "0005G9", "\N{FULLWIDTH DIGIT ZERO}005B9"])
async def test_an_oui_that_is_not_six_hexadecimal_digits_is_refused(store: Store, oui: str) -> None:
    with pytest.raises(AcsError, match="six hexadecimal digits"):
        await store.write(dev.register, oui, "1", now=1.0)


@pytest.mark.parametrize("serial", ["", "x" * 65])
async def test_a_serial_number_has_1_to_64_characters(store: Store, serial: str) -> None:
    with pytest.raises(AcsError, match="1 to 64"):
        await store.write(dev.register, "0005B9", serial, now=1.0)
    await store.write(dev.register, "0005B9", "x" * 64, now=1.0)


async def test_a_device_is_found_by_key_and_by_id(store: Store, device: dev.Device) -> None:
    assert await store.read(dev.find, "0005B9-A1") == device
    assert await store.write(dev.find, "0005B9-A1", lock=True) == device
    assert await store.read(dev.get, device.id) == device
    assert await store.read(dev.find, "0005B9-A2") is None
    await store.write(dev.lock, device.id)
    with pytest.raises(AcsError, match="no device with id 99"):
        await store.read(dev.get, 99)


async def test_devices_are_listed_page_by_page_in_order_of_their_keys(store: Store) -> None:
    for serial in ("3", "1", "2"):
        await store.write(dev.register, "0005B9", serial, now=1.0)
    first = await store.read(dev.listing, limit=2)
    rest = await store.read(dev.listing, limit=2, after=first[-1].device_key)
    assert [each.serial_number for each in (*first, *rest)] == ["1", "2", "3"]


async def test_blocked_devices_are_listed_apart(store: Store, device: dev.Device) -> None:
    await store.write(dev.register, "0005B9", "A2", now=1.0)
    await store.write(dev.block, device.id, "rogue", who="operator", now=2.0)
    blocked = await store.read(dev.listing, dev.DeviceFilter(admission=("blocked",)))
    allowed = await store.read(dev.listing, dev.DeviceFilter(admission=("allowed",)))
    assert [each.serial_number for each in blocked] == ["A1"]
    assert [each.serial_number for each in allowed] == ["A2"]


async def test_blocking_and_unblocking_is_kept_with_its_reason(store: Store, device: dev.Device) -> None:
    blocked = await store.write(dev.block, device.id, "integrity lost", who="remediation", now=2.0)
    assert blocked.blocked
    assert blocked.admission_reason == "integrity lost"
    released = await store.write(dev.unblock, device.id, "exchanged", who="operator", now=3.0)
    assert not released.blocked
    assert released.admission_reason == "exchanged"
    with pytest.raises(AcsError):
        await store.write(dev.block, 99, "", who="operator", now=2.0)


async def test_credentials_are_found_by_user_name(store: Store, device: dev.Device) -> None:
    await store.write(dev.set_digest_secret, device.id, "henb-a1", b"sealed")
    await store.write(dev.block, device.id, "", who="operator", now=2.0)
    found = await store.read(dev.credentials_by_username, "henb-a1")
    assert found == dev.Credentials(device.id, "0005B9-A1", "blocked", b"sealed")
    assert await store.read(dev.credentials_by_username, "HENB-A1") is None


async def test_a_user_name_and_a_certificate_belong_to_one_device(store: Store, device: dev.Device) -> None:
    other = await store.write(
        dev.register,
        "0005B9",
        "A2",
        certificate_name="a2.henb",
        digest_username="a2",
        digest_secret_sealed=b"x",
        now=1.0,
    )
    assert other.certificate_name == "a2.henb"
    with pytest.raises(IntegrityError):
        await store.write(dev.bind_certificate, device.id, "a2.henb")
    with pytest.raises(IntegrityError):
        await store.write(dev.set_digest_secret, device.id, "a2", b"y")
    await store.write(dev.bind_certificate, device.id, "a1.henb")
    assert (await store.read(dev.get, device.id)).certificate_name == "a1.henb"


async def test_a_device_shows_what_is_open_for_it(store: Store, device: dev.Device) -> None:
    assert (device.has_open_commands, device.has_untreated_alarms) == (False, False)
    assert not device.has_open_case
    command = await store.write(
        cm.enqueue, device.id, m.Reboot("k"), command_key="k", purpose="operator", now=1.0
    )
    alarm = await store.write(
        al.raise_alarm,
        device,
        identifier="H1",
        event_type="INTEGRITY_VIOLATION",
        probable_cause="INFORMATION_MISSING",
        perceived_severity="MAJOR",
        specific_problem="",
        additional_text="",
        detector="HeMS:acs",
        now=1.0,
    )
    found = await store.read(dev.find, device.device_key)
    assert (found.has_open_commands, found.has_untreated_alarms) == (True, True)
    assert (await store.read(dev.listing))[0] == found
    await store.write(cm.cancel, command.id, now=2.0)
    await store.write(al.assign_alarm, alarm.alarm.id, 5)
    found = await store.read(dev.find, device.device_key)
    assert (found.has_open_commands, found.has_untreated_alarms) == (False, False)


async def test_a_device_remembers_for_which_version_it_was_provisioned(
    store: Store, device: dev.Device
) -> None:
    await store.write(dev.mark_provisioned, device.id, "2.0.0")
    assert (await store.read(dev.get, device.id)).provisioned_for == "2.0.0"


def test_no_secret_shows_in_a_device() -> None:
    assert not [name for name in dev.Device.__dataclass_fields__ if "secret" in name]
