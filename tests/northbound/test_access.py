"""Tokens and users in the store, on both engines."""

from __future__ import annotations

import pytest

from acs import devices as dev
from acs import northbound as nb
from acs.errors import AcsError
from acs.housekeeping import Housekeeper
from acs.northbound.tokens import token_of
from acs.northbound.users import find_user
from acs.store import Store
from tests.conftest import Clock

NOW = 1_800_000_000.0
HASH = "$argon2id$not-looked-at-here"


async def token(store: Store, **options) -> tuple[nb.Token, str]:
    facts = {"scopes": ["alarms:read"], "expires_at": NOW + 100, "who": "op", "now": NOW, **options}
    return await store.write(nb.create_token, facts.pop("owner", "noc"), **facts)


async def test_a_token_is_found_by_its_secret_alone(store: Store) -> None:
    made, secret = await token(store, scopes=["alarms:ack", "alarms:read", "alarms:ack"])
    assert made.scopes == ("alarms:read", "alarms:ack")
    assert await store.read(token_of, secret) == made
    for wrong in (secret[:-1], secret + "A", secret.lower(), "", "acs_", secret.replace("acs_", "acs-")):
        assert await store.read(token_of, wrong) is None
    assert await store.read(dev.verify_audit) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"owner": ""},
        {"owner": "a\nb"},
        {"owner": "x" * 101},
        {"expires_at": NOW},
        {"expires_at": NOW + 20 * 366 * 86400},
        {"expires_at": float("nan")},
    ],
)
async def test_a_token_that_makes_no_sense_is_not_made(store: Store, wrong: dict) -> None:
    with pytest.raises(AcsError):
        await token(store, **wrong)
    assert await store.read(nb.list_tokens) == []


async def test_a_token_ends_by_its_time_and_by_revocation(store: Store, clock: Clock) -> None:
    made, _ = await token(store)
    assert made.alive(NOW + 99)
    assert not made.alive(NOW + 100)
    await store.write(nb.revoke_token, made.id, who="op", now=NOW)
    (found,) = await store.read(nb.list_tokens)
    assert not found.alive(NOW)
    with pytest.raises(AcsError, match="no token"):
        await store.write(nb.revoke_token, made.id, who="op", now=NOW)
    clock.now = NOW + 5000
    await Housekeeper(store, 3000).tidy()
    assert await store.read(nb.list_tokens) == []


async def test_users_come_change_and_go(store: Store) -> None:
    await store.write(nb.create_user, "ann", ["alarms:read"], HASH, who="op", now=NOW)
    with pytest.raises(AcsError, match="a user 'ann' already"):
        await store.write(nb.create_user, "ann", ["alarms:read"], HASH, who="op", now=NOW)
    _, secret = await token(store, owner="ann")
    await token(store, owner="bob")
    await store.write(nb.set_password, "ann", HASH + "2", who="op", now=NOW + 1)
    assert (await store.read(find_user, "ann"))[1] == HASH + "2"
    assert not (await store.read(token_of, secret)).alive(NOW)
    assert [each.alive(NOW) for each in await store.read(nb.list_tokens)] == [True, False]
    await store.write(nb.disable_user, "ann", who="op", now=NOW + 2)
    (found,) = await store.read(nb.list_users)
    assert (found.name, found.disabled, found.scopes) == ("ann", True, ("alarms:read",))
    with pytest.raises(AcsError, match="no user 'eve'"):
        await store.write(nb.set_password, "eve", HASH, who="op", now=NOW)
    with pytest.raises(AcsError, match="no user 'eve'"):
        await store.write(nb.disable_user, "eve", who="op", now=NOW)


@pytest.mark.parametrize("name", ["", " ann", "ann\n", "a" * 65])
async def test_a_user_name_that_is_none(store: Store, name: str) -> None:
    with pytest.raises(AcsError, match="user name"):
        await store.write(nb.create_user, name, ["alarms:read"], HASH, who="op", now=NOW)
