"""Secrets in a request: sealed as it is stored, opened as it is sent, and for one device alone."""

from __future__ import annotations

import os

import pytest

from acs import commands as cm
from acs.cwmp import messages as m
from acs.datamodel import load_model
from acs.security import Sealer, SealError

KEY = "0005B9-A1"
URL = "https://files.example/x"
SECRET = "their-pass-word"
SEALER = Sealer(os.urandom(32))
WITH_SECRETS = [
    m.Download("k", "1 Firmware Upgrade Image", URL, "u", SECRET),
    m.ScheduleDownload("k", "1 Firmware Upgrade Image", URL, "u", SECRET),
    m.Upload("k", "4 Vendor Log File 1", URL, "u", SECRET),
    m.ChangeDUState("k", (m.UninstallOperation("1"), m.UpdateOperation("1", "2", URL, "u", SECRET))),
    m.ChangeDUState("k", (m.InstallOperation(URL, "1", "u", SECRET),)),
    m.SetParameterValues(
        (
            m.ParameterValue("Device.Time.NTPServer1", "ntp.example"),
            m.ParameterValue("Device.ManagementServer.Password", SECRET),
        ),
        "k",
    ),
    m.SetParameterValues((m.ParameterValue("Device.X_0005B9_PrivateKey", SECRET),), "k"),
]
WITHOUT = [
    m.Reboot("k"),
    m.Download("k", "1 Firmware Upgrade Image", URL),
    m.ChangeDUState("k", (m.UninstallOperation("1"),)),
    m.SetParameterValues((m.ParameterValue("Device.Time.NTPServer1", "ntp.example"),), "k"),
    m.SetParameterValues((m.ParameterValue("Device.ManagementServer.Password", ""),), "k"),
]


@pytest.fixture(scope="module")
def secret():
    return cm.secret_in(load_model("femto"))


@pytest.mark.parametrize("message", WITH_SECRETS, ids=lambda each: type(each).__name__)
def test_what_is_sealed_is_opened_for_its_device_alone(message, secret):
    assert cm.holds_secrets(message, secret)
    sealed = cm.seal_request(message, SEALER, KEY, secret)
    assert SECRET in str(message)
    assert SECRET not in str(sealed)
    assert cm.open_request(sealed, SEALER, KEY) == message
    for sealer, key in ((SEALER, "0005B9-A2"), (Sealer(os.urandom(32)), KEY)):
        with pytest.raises(SealError):
            cm.open_request(sealed, sealer, key)


@pytest.mark.parametrize("message", WITHOUT, ids=lambda each: type(each).__name__)
def test_what_holds_no_secret_is_left_as_it_is(message, secret):
    assert not cm.holds_secrets(message, secret)
    assert cm.seal_request(message, SEALER, KEY, secret) is message
    assert cm.open_request(message, SEALER, KEY) is message


def test_only_what_a_parameter_means_is_secret(secret):
    (one, other) = cm.seal_request(WITH_SECRETS[5], SEALER, KEY, secret).parameters
    assert (one.value, other.value.startswith(m.SEALED_PLACEHOLDER)) == ("ntp.example", True)


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA"])
def test_a_seal_that_is_none_is_refused(text):
    with pytest.raises(SealError):
        cm.open_request(m.Upload("k", "x", URL, "u", m.SEALED_PLACEHOLDER + text), SEALER, KEY)


def test_a_sealed_secret_is_shown_as_a_word():
    sealed = cm.seal_request(WITH_SECRETS[0], SEALER, KEY, lambda _: False)
    assert cm.masked(f'{{"password":"{sealed.password}"}}') == '{"password":"(sealed)"}'
