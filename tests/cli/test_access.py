"""``acs tokens`` and ``acs users``."""

from __future__ import annotations


def test_a_token_is_shown_once_listed_and_revoked(acs, data):
    made = acs(
        "tokens", "create", "--owner", "noc", "--scope", "alarms:read", "--days", 1, "--json", "--data", data
    ).json
    assert made["token"].startswith("acs_")
    assert made["scopes"] == ["alarms:read"]
    listed = acs("tokens", "list", "--data", data)
    assert "noc" in listed.text
    assert "good" in listed.text
    assert made["token"] not in listed.text
    assert made["token"] not in acs("tokens", "list", "--json", "--data", data).out
    assert "is revoked" in acs("tokens", "revoke", made["id"], "--data", data).text
    assert "revoked" in acs("tokens", "list", "--data", data).text
    assert "no token" in acs("tokens", "revoke", made["id"], "--data", data).err


def test_a_scope_that_is_unknown_is_told_with_those_that_are_known(acs, data):
    answer = acs("tokens", "create", "--owner", "noc", "--scope", "root", "--data", data)
    assert "'root' is unknown; known are devices:read" in answer.err
    assert "commands:write" in acs("tokens", "scopes").text


def test_a_user_is_made_given_a_new_password_and_disabled(acs, data):
    made = acs(
        "users", "create", "ann", "--scope", "alarms:read", "--generate", "--json", "--data", data
    ).json
    assert len(made["password"]) >= 20
    again = acs("users", "create", "ann", "--scope", "alarms:read", "--generate", "--data", data)
    assert "there is a user 'ann' already" in again.err
    assert (
        acs("users", "password", "ann", "--generate", "--json", "--data", data).json["password"]
        != made["password"]
    )
    listed = acs("users", "list", "--json", "--data", data)
    assert [(each["name"], each["disabled"]) for each in listed.json] == [("ann", False)]
    assert "argon2" not in listed.out
    assert acs("users", "disable", "ann", "--data", data).code == 0
    assert "no user 'bob'" in acs("users", "disable", "bob", "--data", data).err
