"""``acs tokens``, ``acs users``: who may use the northbound interface."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from acs.cli.node import read, settings_of, who, write
from acs.cli.options import Config, Data, Json, Number
from acs.cli.output import console, moment, print_json, print_table

__all__ = ["tokens", "users"]

tokens = typer.Typer(no_args_is_help=True)
users = typer.Typer(no_args_is_help=True)

Scope = Annotated[list[str], typer.Option(help="See acs tokens scopes; may be repeated.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it once.")]
_DAY = 86400.0


@tokens.command("scopes")
def list_scopes(json: Json = False) -> None:
    """List the scopes."""
    from acs.northbound import SCOPES

    if json:
        print_json(SCOPES)
    else:
        print_table("Scopes", ("scope", "lets one"), list(SCOPES.items()))


@tokens.command("create")
def create_token(
    owner: Annotated[str, typer.Option(help="In whose name it acts; it shows in the audit.")],
    scope: Scope,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    days: Annotated[float, typer.Option(help="How long it is good for.", min=0.01, max=3650)] = 90,
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a bearer token and print it once. Only its SHA-256 is stored.

    Example: acs tokens create --owner noc --scope alarms:read --scope alarms:ack
    """
    from acs import northbound as nb

    now = time.time()

    def act(conn: Connection) -> tuple[nb.Token, str]:
        expires_at = now + days * _DAY
        return nb.create_token(conn, owner, scope, expires_at=expires_at, who=who(), purpose=purpose, now=now)

    made, secret = write(settings_of(data, config), act)
    if json:
        print_json({**asdict(made), "token": secret})
        return
    facts = [("token", secret), ("number", made.id), ("scopes", " ".join(made.scopes))]
    print_table("Shown this once", ("field", "value"), [*facts, ("expires", moment(made.expires_at))])


@tokens.command("list")
def list_tokens(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List tokens, the newest first."""
    from acs import northbound as nb

    found = read(settings_of(data, config), nb.list_tokens)
    if json:
        print_json([asdict(each) for each in found])
        return
    now = time.time()
    rows = [
        (
            each.id,
            each.owner,
            each.purpose,
            " ".join(each.scopes),
            "revoked" if each.revoked_at else "good" if each.alive(now) else "expired",
            moment(each.expires_at),
            moment(each.last_used_at) or "never",
        )
        for each in found
    ]
    print_table("Tokens", ("#", "owner", "purpose", "scopes", "state", "expires", "last used"), rows)


@tokens.command("revoke")
def revoke_token(token: Number, data: Data = None, config: Config = None) -> None:
    """Make a token worthless at once."""
    from acs import northbound as nb

    settings = settings_of(data, config)
    write(settings, lambda conn: nb.revoke_token(conn, token, who=who(), now=time.time()))
    console.print(f"token {token} is revoked")


def _password(name: str, *, generate: bool) -> tuple[str, str]:
    """Return the hash of a new password, and the password where it was made here."""
    from acs.northbound import hash_password
    from acs.security import new_password

    made = new_password() if generate else ""
    password = made or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return hash_password(name, password), made


def _tell(name: str, made: str, what: str, *, json: bool) -> None:
    if json:
        print_json({"user": name, **({"password": made} if made else {})})
    else:
        console.print(
            f"user {name} {what}" + (f"; password, shown this once: {made}" if made else ""), markup=False
        )


@users.command("create")
def create_user(
    name: str,
    scope: Scope,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    generate: Generate = False,
) -> None:
    """Add a user, who exchanges a password for a token of an hour (POST /v1/session)."""
    from acs import northbound as nb

    settings = settings_of(data, config)
    hashed, made = _password(name, generate=generate)
    write(settings, lambda conn: nb.create_user(conn, name, scope, hashed, who=who(), now=time.time()))
    _tell(name, made, "is created", json=json)


@users.command("password")
def set_password(
    name: str, data: Data = None, config: Config = None, json: Json = False, generate: Generate = False
) -> None:
    """Change a user's password; the user's tokens are revoked."""
    from acs import northbound as nb

    settings = settings_of(data, config)
    hashed, made = _password(name, generate=generate)
    write(settings, lambda conn: nb.set_password(conn, name, hashed, who=who(), now=time.time()))
    _tell(name, made, "has a new password", json=json)


@users.command("disable")
def disable_user(name: str, data: Data = None, config: Config = None) -> None:
    """Shut a user out at once."""
    from acs import northbound as nb

    write(settings_of(data, config), lambda conn: nb.disable_user(conn, name, who=who(), now=time.time()))
    console.print(f"user {name} is disabled", markup=False)


@users.command("list")
def list_users(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List users."""
    from acs import northbound as nb

    found = read(settings_of(data, config), nb.list_users)
    if json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            each.name,
            " ".join(each.scopes),
            "disabled" if each.disabled else "enabled",
            moment(each.changed_at),
        )
        for each in found
    ]
    print_table("Users", ("user", "scopes", "enabled", "changed"), rows)
