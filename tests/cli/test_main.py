"""The command as a whole: its help, a missing data directory, its policy commands."""

from __future__ import annotations

import json
import re
import socket

import pytest
import typer

from acs import __version__
from acs.cli import app
from acs.simulator import Vendor


def commands(command=None, path=()):
    """Yield the words of every command and what it says of itself."""
    command = command or typer.main.get_command(app)
    yield path, (command.help or "").strip()
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


EVERY = list(commands())


@pytest.mark.parametrize(("path", "help_"), EVERY, ids=[" ".join(path) or "acs" for path, _ in EVERY])
def test_the_help_of_every_command_says_what_it_does(acs, path, help_):
    done = acs(*path, "-h" if len(path) > 1 else "--help")
    assert (done.code, done.err) == (0, "")
    assert len(help_) > 10
    first = " ".join(help_.split()).partition(".")[0].replace("`", "")
    assert first[:60] in done.text.replace("`", "")


def test_the_help_has_an_example_where_there_are_several_arguments_and_loses_no_word():
    def leaves(command, path=()):
        for name, each in getattr(command, "commands", {}).items():
            yield from leaves(each, (*path, name))
        if not hasattr(command, "commands"):
            yield " ".join(path), command

    for path, command in leaves(typer.main.get_command(app)):
        needed = [each for each in command.params if each.param_type_name == "argument" and each.required]
        assert len(needed) < 2 or "acs " in command.help, f"{path} has no example"
        for each in command.params:  # <words> in brackets are HTML to markdown, and vanish
            assert not re.search(r"<[A-Za-z]+>", getattr(each, "help", None) or ""), f"{path}: {each.name}"


def test_there_is_a_command_for_each_task():
    names = {" ".join(path) for path, _ in EVERY}
    assert {"serve", "simulate", "demo", "version", "bench sessions", "policy explain"} <= names
    assert {"devices list", "alarms ack", "cases instruct", "commands send", "files approve"} <= names


def test_the_version_is_told(acs):
    assert acs("version").out == f"femto-acs {__version__}\n"


READING = [
    ("devices", "list"),
    ("devices", "show", "X"),
    ("devices", "register", "0005B9", "X", "--password"),
    ("devices", "block", "X", "--because", "y"),
    ("alarms", "list"),
    ("alarms", "ack", "1"),
    ("cases", "list"),
    ("cases", "show", "1"),
    ("cases", "instruct", "1", "CLOSE", "--because", "y"),
    ("commands", "list"),
    ("commands", "show", "1"),
    ("commands", "send", "X", "Reboot"),
    ("commands", "cancel", "1"),
    ("files", "list"),
    ("files", "add", "file", "--version", "1"),
    ("files", "approve", "x"),
    ("golden", "show"),
    ("golden", "set", "golden"),
    ("trust", "add", "ca", "--oui", "0005B9"),
    ("audit", "list"),
    ("audit", "verify"),
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_without_a_data_directory_a_command_says_so_and_makes_none(acs, tmp_path, arguments):
    for name, text in (("file", "x"), ("golden", "[]"), ("ca", "x")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = acs(*arguments, "--data", "nowhere")
    assert done.code == 2
    assert done.err == (
        "acs: there is no node's data in nowhere; name it with --data, or start one with: acs serve\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_a_database_that_is_none_is_told(acs, tmp_path):
    data = tmp_path / "acs-data"
    data.mkdir()
    (data / "acs.db").write_bytes(b"no database" * 1000)
    done = acs("devices", "list", "--data", data)
    named = f"sqlite:///{data}/acs.db"
    assert (done.code, done.err) == (2, f"acs: can't open the database {named}: file is not a database\n")


def test_a_wrong_settings_file_is_told(acs, tmp_path):
    path = tmp_path / "acs.toml"
    path.write_text("prot = 5", encoding="utf-8")
    done = acs("devices", "list", "--config", path)
    assert (done.code, "unknown field `prot`" in done.err) == (2, True)
    path.write_text('database = "oracle://secret@host/x"', encoding="utf-8")
    done = acs("devices", "list", "--config", path)
    assert (done.code, "is of no known kind" in done.err, "secret" in done.err) == (2, True, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--port", "70000"),
        ("serve", "--admission", "all"),
        ("serve", "--log-level", "loud"),
        ("serve", "--connection-requests-to", "here"),
        ("serve", "--policy", "missing.yaml"),
        ("simulate", "--data", "nowhere"),
        ("simulate", "--tamper", "everything"),
        ("simulate", "--tamper", "case-opened", "--until", "later", "--url", "http://x"),
        ("simulate", "--url", "http://127.0.0.1:9/acs", "--count", "1", "--json"),
        ("simulate", "--url", "https://127.0.0.1:9/acs", "--count", "1", "--json"),
        ("bench", "sessions", "--parameters", "many"),
        ("policy", "check", "missing.yaml"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_one_sentence_and_exit_code_2(acs, arguments):
    done = acs(*arguments)
    assert done.code == 2
    assert done.err.startswith("acs: ")
    assert len(done.err.splitlines()) == 1


def test_a_node_that_cannot_start_says_why(acs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--data", tmp_path / "data", "--host", "127.0.0.1", "--management-port", 0)
        done = acs("serve", *options, "--port", port)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(f"acs: can't listen on 127.0.0.1:{port} (setting port): ")
    assert "Traceback" not in done.err


def test_the_ways_to_tamper_are_listed(acs):
    shown = acs("simulate", "--list").out
    assert "software-modified" in shown
    assert "CIRCUIT_MODIFIED" in shown


def test_a_fleet_that_nobody_serves_is_given_up_and_makes_the_exit_code_1(acs, tmp_path, monkeypatch):
    monkeypatch.setattr("acs.cli.simulate._patience", lambda pace: 0.5)
    vendor = Vendor(tmp_path / "vendor")
    options = ("--url", "https://127.0.0.1:9/acs", "--ca", vendor.ca_path, "--vendor", vendor.directory)
    done = acs("simulate", "--count", 2, *options, "--json")
    facts = json.loads(done.out)
    assert done.code == 1
    assert (facts["sessions"], facts["devices never served"]) == (0, 2)
    assert facts["failed sessions"] >= 2
    assert "127.0.0.1:9" in facts["errors"]


# --- policy -----------------------------------------------------------------------------

ALARM = ("Integrity Violation", "Information Modification Detected", "Major")


def test_a_policy_is_explained(acs):
    done = acs("policy", "explain", *ALARM, "--json").json
    assert done["security"] is True
    assert done["procedure"] in ("P1", "P2R", "P2S", "P3", "DX")
    assert done["because"]
    text = acs("policy", "explain", *ALARM).text
    assert f"{done['procedure']} by rule {done['rule']}: {done['because']}" in text


def test_the_vendors_word_decides_and_any_spelling_will_do(acs):
    found = acs("policy", "explain", *ALARM, "--specific-problem", "CONFIG_MODIFIED", "--json").json
    assert found["procedure"] == "P2R"
    odd = ("integrityViolation", "information modification detected", "MAJOR")
    again = acs("policy", "explain", *odd, "--specific-problem", "config_modified", "--json").json
    assert again == found


def test_an_alarm_that_is_none_of_security_starts_nothing(acs):
    found = acs("policy", "explain", "Communications Alarm", "Loss Of Signal", "Major", "--json").json
    assert (found["security"], found["procedure"]) == (False, None)
    assert "starts no procedure" in acs("policy", "explain", "Communications Alarm", "x", "y").text


def test_the_policy_that_is_shown_is_right(acs, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(acs("policy", "show").out, encoding="utf-8")
    assert f"{path}: right; " in acs("policy", "check", path).text
    assert acs("policy", "explain", *ALARM, "--policy", path, "--json").json["rule"] >= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected `object`"),
        ("rules: [", "is no YAML"),
        ("extends: default\ntimers: {reboot: 0}", "timers.reboot is 0"),
        ("extends: default\nrulez: []", "unknown field `rulez`"),
        ("rules: [{procedure: P9, because: x}]", "the procedure 'P9' is unknown; known are P1"),
        ("rules: [{procedure: P1, because: x, severity: Huge}]", "rule 1: severity 'Huge' is unknown"),
        ("rules: [{procedure: P1, because: x, severity: Major}]", "no rule fits every alarm"),
    ],
)
@pytest.mark.parametrize("command", [("check",), ("show", "--policy"), ("explain", *ALARM, "--policy")])
def test_a_wrong_policy_is_told(acs, tmp_path, text, message, command):
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    done = acs("policy", *command, path)
    assert done.code == 2
    assert done.err.startswith(f"acs: {path}")
    assert message in done.err


def test_json_is_json_even_of_what_nobody_expects(acs, data):
    shown = acs("devices", "list", "--data", data, "--json").out
    assert "\x1b" not in shown
    assert json.loads(shown)


def test_the_simulated_vendor_makes_an_image_that_its_devices_accept(acs, tmp_path, monkeypatch):
    from acs.simulator import PRODUCT_CLASS, Vendor
    from acs.simulator.firmware import verify_image

    monkeypatch.chdir(tmp_path)
    done = acs("simulate", "--make-image", "2.1.0", "--vendor", "maker")
    assert (done.code, "acs files add henb-2.1.0.img" in done.out) == (0, True)
    content = (tmp_path / "henb-2.1.0.img").read_bytes()
    key = Vendor(tmp_path / "maker").image_key.public_key()
    assert verify_image(content, PRODUCT_CLASS, key) == "2.1.0"
    wrong = acs("simulate", "--make-image", "../2")
    assert (wrong.code, "the version '../2' is none" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("audit", "export", "nowhere/audit.csv"), "can't use the file nowhere/audit.csv: No such file"),
        (("cases", "list", "--state", "bogus"), "'bogus' is not one of 'active', 'waiting', 'closed'"),
        (("commands", "list", "--state", "done"), "'done' is not one of 'queued', 'sent', 'accepted'"),
        (("admission", "explain", "0005B9-A1", "--address", "home"), "'home' is no IP address, for example"),
        (("admission", "explain", "nonsense"), "'nonsense' is no device: write <OUI>-<SerialNumber>"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_a_plausible_mistake_is_told_in_a_sentence(acs, data, words, why):
    done = acs(*words, "--data", data)
    assert (done.code, why in done.text) == (2, True), done.text


def test_a_wrong_word_in_a_setting_is_answered_with_those_that_are_right(acs):
    done = acs("serve", "--admission", "everybody")
    assert (done.code, "it is one of certificate, approve, known" in done.err) == (2, True)


def test_a_ca_that_is_none_is_named(acs, tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    done = acs("simulate", "--url", "https://localhost:1/acs", "--ca", "ca.pem", "--count", "1")
    assert (done.code, "ca.pem holds no CA certificate in PEM" in done.err) == (2, True)
