"""What is a secret by its name, and what of a device's values is shown."""

from __future__ import annotations

import pytest

from acs.datamodel import MASK, shown_value, sounds_secret, veiled

SECRET = "hunter2-Zaq1"


@pytest.mark.parametrize(
    "path",
    [
        "Device.ManagementServer.ConnectionRequestPassword",
        "Device.WiFi.AccessPoint.1.Security.KeyPassphrase",
        "Device.WiFi.AccessPoint.1.Security.PreSharedKey",
        "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.WEPKey.1.WEPKey",
        "Device.Services.FAPService.1.Transport.Security.Secret.1.Key",
        "Device.X_EXAMPLE_AdminPwd",
        "Device.X_EXAMPLE_SimPIN",
        "Device.X_EXAMPLE_Auth.Ki",
        "Device.X_EXAMPLE_Auth.OPc",
        "Device.X_EXAMPLE_SnmpCommunity",
        "Device.X_EXAMPLE.AES_KEY",
        "Device.X_EXAMPLE.apikey",
        "Device.X_EXAMPLE.ROOTPW_SECRET",
    ],
)
def test_names_of_secrets_sound_so(path: str) -> None:
    assert sounds_secret(path)
    assert shown_value(path, SECRET, "xsd:string") == MASK
    assert shown_value(path, "4711", "xsd:unsignedInt") == MASK


@pytest.mark.parametrize(
    "path",
    [
        "Device.ManagementServer.ParameterKey",
        "Device.ManagementServer.InstanceWildcardsSupported",
        "Device.X_EXAMPLE.CommandKey",
        "Device.X_EXAMPLE.SignerPublicKey",
        "Device.X_EXAMPLE.Pinhole",
        "Device.X_EXAMPLE.Wiki",
        "Device.X_EXAMPLE.Monkeys",
        "Device.DeviceInfo.ProvisioningCode",
        "Device.Services.FAPService.1.CellConfig.LTE.RAN.RF.PCI",
        "Device.SecretGarden.Name",
    ],
)
def test_other_names_do_not_sound_secret(path: str) -> None:
    assert not sounds_secret(path)
    assert shown_value(path, SECRET) == SECRET


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("Device.X.PasswordPolicy.DefaultPasswordInUse", "true", "xsd:boolean"),
        ("Device.X.PasswordPolicy.EmptyPasswordAccounts", "12", "xsd:unsignedInt"),
        ("Device.X.User.1.PasswordLastChanged", "2027-01-15T08:00:00Z", "xsd:dateTime"),
        ("Device.Users.User.1.Password", "", "xsd:string"),
    ],
)
def test_what_only_speaks_of_a_secret_is_shown(path: str, value: str, kind: str) -> None:
    assert shown_value(path, value, kind) == value


@pytest.mark.parametrize("word", ["PrivateKeyPEM", "private_key_data", "PreSharedKeyHex", "WEPKeyDefault"])
def test_a_key_may_be_named_with_its_form(word: str) -> None:
    assert shown_value(f"Device.X_EXAMPLE.{word}", SECRET) == MASK


def test_an_answer_is_shown_without_its_secrets() -> None:
    values = [
        {"name": "Device.X.Password", "value": SECRET, "type": "xsd:string"},
        {"name": "Device.X.Name", "value": "a", "type": "xsd:string"},
    ]
    shown = veiled({"method": "GetParameterValuesResponse", "fields": {"parameters": values, "n": [1, None]}})
    assert [each["value"] for each in shown["fields"]["parameters"]] == [MASK, "a"]
    assert shown["fields"]["n"] == [1, None]
    assert values[0]["value"] == SECRET
