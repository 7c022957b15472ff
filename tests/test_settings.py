"""Settings: which source wins, and that every wrong value is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs.errors import AcsError
from acs.settings import Settings, load_settings


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "acs.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_the_defaults_hold():
    assert load_settings(None, {}, {}) == Settings()


def test_a_file_yields_to_the_environment_and_that_to_overrides(tmp_path):
    file = toml(tmp_path, 'port = 1001\nrealm = "file"\nhost = "file"\nlog_level = "error"\n')
    environment = {"ACS_PORT": "1002", "ACS_REALM": "environment", "UNRELATED": "x", "ACS_CONFIG": "y"}
    settings = load_settings(file, {"port": 1003, "host": None}, environment)
    assert (settings.port, settings.realm, settings.host) == (1003, "environment", "file")
    assert settings.log_level == "error"


def test_the_environment_is_text_and_lists_have_commas():
    environment = {
        "ACS_NAMES": "acs.example, 192.0.2.1,",
        "ACS_DEVICE_CA": "a.pem,b.pem",
        "ACS_SESSION_LIFETIME": "12.5",
        "ACS_INSECURE_HTTP_PORT": "0",
        "ACS_CONNECTION_REQUEST_NETWORKS": "10.0.0.0/8,2001:db8::/32",
    }
    settings = load_settings(None, None, environment)
    assert settings.names == ["acs.example", "192.0.2.1"]
    assert settings.device_ca == [Path("a.pem"), Path("b.pem")]
    assert settings.session_lifetime == 12.5
    assert settings.insecure_http_port == 0
    assert len(settings.connection_request_networks) == 2


def test_an_empty_list_in_the_environment_is_empty():
    settings = load_settings(None, {}, {"ACS_DEVICE_CA": "", "ACS_CONNECTION_REQUEST_NETWORKS": " "})
    assert (settings.device_ca, settings.connection_request_networks) == ([], [])


def test_the_database_is_in_the_data_directory_unless_it_is_named(tmp_path):
    assert load_settings(None, {"data": tmp_path}, {}).database_url == f"sqlite:///{tmp_path}/acs.db"
    named = {"data": tmp_path, "database": "postgresql+asyncpg://acs@db/acs"}
    assert load_settings(None, named, {}).database_url == named["database"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", -1, "the setting port is -1; a port is 0 to 65535"),
        ("port", 65536, "the setting port is 65536"),
        ("port", "https", r"Expected `int`, got `str` - at `\$.port`"),
        ("management_port", 70000, "the setting management_port is 70000"),
        ("insecure_http_port", -5, "the setting insecure_http_port is -5"),
        ("names", [], "the setting names is empty"),
        ("names", [" "], "the setting names is empty"),
        ("names", 5, r"at `\$.names`"),
        ("url", "acs.example", "the setting url is 'acs.example'; it begins with https://"),
        ("admission", "everyone", r"Invalid enum value 'everyone' - at `\$.admission`"),
        ("log_level", "loud", r"'loud' - at `\$.log_level`"),
        ("log_format", "xml", r"'xml' - at `\$.log_format`"),
        ("connection_request_networks", ["10.0.0.0/33"], "connection_request_networks: '10.0.0.0/33'"),
        ("connection_request_networks", ["10.0.0.1/8"], "10.0.0.1/8 has host bits set"),
        ("session_lifetime", 0, "the setting session_lifetime is 0.0; a positive number is needed"),
        ("max_body", -1, "the setting max_body is -1"),
        ("body_timeout", float("nan"), "the setting body_timeout is nan"),
        ("drain_timeout", float("inf"), "the setting drain_timeout is inf"),
        ("file_url_lifetime", "long", r"at `\$.file_url_lifetime`"),
        ("prot", 7548, "unknown field `prot`"),
    ],
)
def test_a_wrong_value_is_told_with_its_name(name, value, message):
    with pytest.raises(AcsError, match=message):
        load_settings(None, {name: value}, {})


def test_the_source_of_a_wrong_value_is_told(tmp_path):
    file = toml(tmp_path, 'port = "https"\n')
    with pytest.raises(AcsError, match=rf"at `\$.port` \(from {file}\)"):
        load_settings(file, {}, {})
    with pytest.raises(AcsError, match=r"at `\$.port` \(from ACS_PORT\)"):
        load_settings(file, {}, {"ACS_PORT": "x"})
    with pytest.raises(AcsError, match=rf"unknown field `prot` \(from {file}\)"):
        load_settings(toml(tmp_path, "prot = 1\n"), {}, {})


def test_a_data_directory_that_is_a_file_is_told(tmp_path):
    file = toml(tmp_path, "")
    with pytest.raises(AcsError, match="which is no directory"):
        load_settings(None, {"data": file}, {})


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"a = 1\na = 2\n", None])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content):
    file = tmp_path / "acs.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AcsError, match=f"can't read the settings file {file}: "):
        load_settings(file, {}, {})
