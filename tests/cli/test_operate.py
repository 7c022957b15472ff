"""``acs commands``, ``acs golden``, ``acs trust``."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acs.cli.node import environment_of
from acs.settings import Settings
from acs.simulator import Vendor
from tests.security.pki import CA, pem

KEY = "0005B9-0005B9423901"
GOLDEN = "- {name: Device.Time.NTPServer1, value: ntp.example}\n"


def test_commands_are_listed_and_shown(acs, data):
    found = acs("commands", "list", "--data", data, "--json").json
    assert {each["device"] for each in found} == {KEY}
    assert {"GetParameterValues", "SetParameterValues"} <= {each["method"] for each in found}
    assert len(acs("commands", "list", "--data", data, "--json", "--device", KEY, "--limit", 2).json) == 2
    assert acs("commands", "list", "--data", data, "--json", "--state", "failed").json == []
    number = next(each["id"] for each in found if each["method"] == "GetParameterValues")
    shown = acs("commands", "show", number, "--data", data).json
    assert shown["payload"]["names"]
    assert shown["result"]
    assert "GetParameterValues" in acs("commands", "list", "--data", data).out


def test_a_command_is_queued_once_and_cancelled(acs, data):
    arguments = (
        "commands",
        "send",
        KEY,
        "GetParameterValues",
        '{"names": ["Device.Time."]}',
        "--key",
        "op-1",
    )
    first = acs(*arguments, "--data", data)
    assert first.code == 0
    assert acs(*arguments, "--data", data).out == first.out
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    assert (queued["command_key"], queued["purpose"]) == ("op-1", "operator")
    assert f"command {queued['id']} is queued" in first.out
    assert acs("commands", "cancel", queued["id"], "--data", data).code == 0
    again = acs("commands", "cancel", queued["id"], "--data", data)
    assert (again.code, "is not open; see: acs commands list" in again.err) == (2, True)


def test_a_key_that_is_that_of_another_command_is_told(acs, data):
    assert acs("commands", "send", "methods", KEY, "--key", "op-1", "--data", data).code == 0
    other = acs("commands", "send", "reboot", KEY, "--key", "op-1", "--data", data)
    assert (other.code, "the CommandKey 'op-1' is that of command" in other.err) == (2, True)
    assert len(acs("commands", "list", "--data", data, "--json", "--state", "queued").json) == 1


def test_a_command_key_among_the_arguments_is_that_of_the_command(acs, data):
    own = (*SEND, "Reboot", '{"command_key": "k1"}', "--data", data)
    other = acs(*own, "--key", "k2")
    assert (other.code, "--key says 'k2', the arguments say 'k1'" in other.err) == (2, True)
    assert acs(*own).code == acs(*own).code == 0
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    shown = acs("commands", "show", queued["id"], "--data", data).json
    assert (queued["command_key"], shown["payload"]["command_key"]) == ("k1", "k1")
    another = (*SEND, "CancelTransfer", '{"command_key": "k1"}', "--data", data)
    assert acs(*another).code == 0  # that is the key of what it cancels


def test_a_reboot_is_given_a_key_of_its_own(acs, data):
    assert acs("commands", "send", KEY, "Reboot", "--data", data).code == 0
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    shown = acs("commands", "show", queued["id"], "--data", data).json
    assert shown["payload"]["command_key"] == shown["command_key"]


def test_the_golden_configuration_is_replaced_by_scope_and_merged(acs, data, tmp_path):
    path = tmp_path / "golden.yaml"
    path.write_text(GOLDEN, encoding="utf-8")
    scope = f"device:{KEY}"
    done = acs("golden", "set", path, "--scope", scope, "--data", data)
    assert (done.code, done.text) == (0, f"1 parameters are set for {scope}")
    scopes = acs("golden", "show", "--data", data, "--json").json
    assert set(scopes) == {"*", scope}
    merged = acs("golden", "show", KEY, "--data", data, "--json").json
    assert merged["Device.Time.NTPServer1"] == "ntp.example"
    assert merged["Device.Time.NTPServer2"] == "ntp2.hems.femto.example"
    assert "ntp.example" in acs("golden", "show", KEY, "--data", data).out
    assert scope in acs("golden", "show", "--data", data).out


def test_vendors_are_trusted_and_listed(acs, data, tmp_path):
    vendor = Vendor(tmp_path / "vendor")
    done = acs("trust", "add", vendor.ca_path, "--oui", "0005b9", "--data", data)
    assert (done.code, "trusted: CN=femto-acs simulated vendor CA" in done.out) == (0, True)
    (data / "pki/device-ca.d/broken.pem").write_text("nothing", encoding="utf-8")
    listed = acs("trust", "list", "--data", data, "--json").json
    assert [facts[1] for facts in sorted(listed, key=lambda facts: facts[1])] == [
        "CN=femto-acs simulated vendor CA,O=femto-acs",
        "no certificate",
    ]
    assert "no certificate" in acs("trust", "list", "--data", data).out


SEND = ("commands", "send", KEY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("commands", "list", "--device", "X"), "there is no device 'X'"),
        (("commands", "show", "999"), "there is no command 999; see: acs commands list"),
        (("commands", "cancel", "999"), "command 999 is not open"),
        (("commands", "send", "X", "Reboot"), "there is no device 'X'"),
        ((*SEND, "Inform"), "'Inform' is no method of a CPE; known are AddObject, "),
        ((*SEND, "Reboot", "{}", "--key", "k" * 33), "has 33 characters; 1 to 32 are allowed"),
        ((*SEND, "Reboot", "no json"), "the arguments of Reboot are wrong: "),
        ((*SEND, "Reboot", "[]"), "Expected `object`, got `array`"),
        ((*SEND, "Reboot", '{"command_key": 5}'), r"Expected `str`, got `int` - at `$.command_key`"),
        ((*SEND, "GetParameterValues"), "missing required field `names`"),
        ((*SEND, "GetParameterValues", '{"names": "x"}'), "Expected `array`, got `str`"),
        ((*SEND, "GetParameterValues", '{"names": [1]}'), "the arguments of GetParameterValues are wrong"),
        ((*SEND, "ChangeDUState", '{"operations": 5}'), "the arguments of ChangeDUState are wrong"),
        ((*SEND, "ChangeDUState", '{"operations": [5]}'), "the arguments of ChangeDUState are wrong"),
        ((*SEND, "ChangeDUState", '{"operations": [{"operation": "X"}]}'), "the arguments of ChangeDUState"),
        ((*SEND, "ChangeDUState", "{}"), "'operations' is missing, or not known"),
        ((*SEND, "Reboot", '{"comand_key": "k"}'), "no argument 'comand_key'; it has command_key"),
        ((*SEND, "GetRPCMethods", '{"x": 1}'), "GetRPCMethods has no argument 'x'; it has none"),
        (("golden", "show", "X"), "there is no device 'X'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(acs, data, arguments, message):
    done = acs(*arguments, "--data", data)
    assert done.code == 2
    assert done.err.startswith("acs: ")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- {name: Device.Nonsense, value: x}", "Device.Nonsense: the model henb has no parameter"),
        (b"- {name: Device.Time.NTPServer1, value: [5]}", "Expected `str`, got `array`"),
        (b"- {name: Device.Users.User.1.Password, value: x}", "stands there in the clear"),
        (
            b'- {name: Device.Time.Enable, value: x, type: "xsd:boolean"}',
            "Device.Time.Enable: 'x' is no boolean",
        ),
        (b'- {name: Device.Time.Enable, value: "1"}', "Device.Time.Enable is xsd:boolean, not xsd:string"),
        (b"- {name: Device.DeviceInfo.SerialNumber, value: x}", "can't be written"),
        (GOLDEN.encode() * 2, "Device.Time.NTPServer1 is there more than once"),
        (b"words", "Expected `array`, got `str`"),
        (b"\xff\xfe", "is no UTF-8 text"),
    ],
)
def test_a_wrong_golden_configuration_is_told_and_changes_nothing(acs, data, tmp_path, content, message):
    path = tmp_path / "golden.yaml"
    path.write_bytes(content)
    done = acs("golden", "set", path, "--data", data)
    assert done.code == 2
    assert done.err.startswith(f"acs: {path}")
    assert message in done.err
    assert acs("golden", "show", "--data", data, "--json").json["*"] > 20


def test_without_a_model_a_golden_configuration_is_taken_as_it_is(acs, data, tmp_path):
    path = tmp_path / "golden.yaml"
    path.write_text("- {name: Device.X_VENDOR.Odd, value: x}", encoding="utf-8")
    assert acs("golden", "set", path, "--model", "", "--data", data).code == 0
    for options, message in (
        (("--model", "other"), "there is no data model 'other'; known are "),
        (("--scope", "all"), "the scope 'all' is none; use *, class:"),
    ):
        done = acs("golden", "set", path, *options, "--data", data)
        assert (done.code, message in done.err) == (2, True)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_not_trusted(acs, data, tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    done = acs("trust", "add", path, "--data", data)
    assert (done.code, f"acs: {path} holds no PEM certificate" in done.err) == (2, True)
    assert acs("trust", "list", "--data", data, "--json").json == []


@pytest.mark.parametrize("command", [("golden", "set"), ("trust", "add")])
def test_a_directory_in_place_of_a_file_is_told(acs, data, tmp_path, command):
    done = acs(*command, tmp_path, "--data", data)
    assert (done.code, done.err) == (2, f"acs: can't read {tmp_path}: Is a directory\n")


@pytest.mark.parametrize("command", [("golden", "set"), ("trust", "add"), ("files", "add", "--version", "1")])
def test_a_file_that_is_not_there_is_told(acs, data, command):
    done = acs(*command, "missing", "--data", data)
    assert (done.code, "'missing' does not exist" in done.text) == (2, True)


def test_another_content_of_the_same_name_is_refused(acs, data, tmp_path):
    for number, code in ((1, 0), (2, 2), (1, 0)):
        image = tmp_path / str(number)
        image.write_bytes(b"x" * number)
        done = acs("files", "add", image, "--version", "1", "--name", "same", "--data", data)
        assert done.code == code


def test_a_cas_private_key_is_not_taken_over_and_an_expired_ca_is_told(acs, data, tmp_path):
    ca = CA("old", days=-0.5)
    key = ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "both.pem"
    path.write_bytes(key + pem(ca.certificate))
    done = acs("trust", "add", path, "--oui", "0005b9", "--data", data)
    assert done.code == 0
    assert "holds a private key, which was not taken over" in done.text
    assert "it vouches for nobody" in done.text
    kept = [each.read_bytes() for each in (data / "pki").rglob("*.pem")]
    assert pem(ca.certificate) in kept
    assert not [each for each in kept if key in each]


def test_what_is_decided_here_goes_by_the_policy_and_the_playbooks_of_the_node(tmp_path):
    policy, mine = tmp_path / "policy.yaml", tmp_path / "mine"
    policy.write_text("extends: default\nname: of the node\n")
    mine.mkdir(mode=0o700)
    (mine / "quick.py").write_text("async def quick(case):\n    return 'done'\n")
    facts = {"policy_file": str(policy), "playbooks": str(mine)}
    (tmp_path / "node.json").write_text(json.dumps(facts))
    env = environment_of(Settings(data=tmp_path))
    assert (env.policy.name, list(env.library.scripts)) == ("of the node", ["quick"])
    other = tmp_path / "other.yaml"
    other.write_text("extends: default\nname: named\n")
    assert environment_of(Settings(data=tmp_path, policy=other)).policy.name == "named"
