"""``acs subscriptions``: which managers are told what happens."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from acs.cli.input import read_ascii
from acs.cli.node import read, require_data, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, Json, Number
from acs.cli.output import console, moment, print_json, print_table
from acs.errors import AcsError

__all__ = ["subscriptions"]

subscriptions = typer.Typer(no_args_is_help=True)


@subscriptions.command("add")
def add(
    consumer: Annotated[
        str, typer.Argument(help="The manager's URL, for example https://nms.example/notify")
    ],
    owner: Annotated[str, typer.Option(help="Whose it is; tokens of this owner see it.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
    notification_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only these; may be repeated.")
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(help="Only new alarms of these; may be repeated.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only devices of these groups; may be repeated.")
    ] = None,
    mark: Annotated[
        bool,
        typer.Option("--mark-held-back", help="Tell silenced and inhibited alarms at once, with a mark."),
    ] = False,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="Tell alarms alike in this in one message: site, product_class, …; repeat it."),
    ] = None,
    group_wait: Annotated[float, typer.Option(help="Seconds until the first message of a group.")] = 30.0,
    group_interval: Annotated[float, typer.Option(help="Seconds between messages of a group.")] = 300.0,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the CA of the manager's certificate.")] = None,
    bearer_file: Annotated[Path | None, typer.Option(help="Holds a token that the manager wants.")] = None,
) -> None:
    """Have a manager told of alarms and cases (TS 28.532), from now on. Prints the signing secret once.

    Example: acs subscriptions add https://nms.example:8443/notify --owner noc --ca nms-ca.pem
    """
    from acs import subscriptions as sub
    from acs.security import Sealer

    settings = settings_of(data, config)
    require_data(settings)
    sealer = Sealer(secrets_of(settings).store_key)
    wanted = sub.Filter(
        tuple(notification_type or ()),
        tuple(severity or ()),
        tuple(group or ()),
        held_back="mark" if mark else "omit",
    )
    grouping = sub.Grouping(tuple(group_by), group_wait, group_interval) if group_by else None
    authority, bearer = read_ascii(ca), read_ascii(bearer_file).strip()

    def act(conn: Connection) -> tuple[sub.Subscription, str]:
        return sub.add_subscription(
            conn,
            consumer,
            wanted,
            sealer=sealer,
            who=who(),
            owner=owner,
            bearer=bearer,
            ca=authority,
            insecure_http=settings.subscription_insecure_http,
            grouping=grouping,
            now=time.time(),
        )

    made, secret = write(settings, act)
    if json:
        print_json({"id": made.id, "consumerReference": consumer, "secret": secret})
    else:
        facts = [("number", made.id), ("told", consumer), ("secret", secret)]
        print_table("Shown this once", ("field", "value"), facts)


@subscriptions.command("list")
def list_all(data: Data = None, config: Config = None, json: Json = False) -> None:
    """List subscriptions and how it goes with them."""
    from acs import subscriptions as sub

    def look(conn: Connection) -> tuple[list[sub.Subscription], dict[int, sub.Backlog]]:
        return sub.list_subscriptions(conn), {each.subscription_id: each for each in sub.backlogs(conn)}

    found, backlogs = read(settings_of(data, config), look)
    if json:
        print_json([{**_facts(each), "backlog": asdict(backlogs[each.id])} for each in found])
        return
    rows = [
        (
            each.id,
            each.owner,
            each.consumer_reference,
            each.delivered,
            backlogs[each.id].waiting,
            backlogs[each.id].dead,
            moment(each.delivered_at) or "never",
            each.last_error,
        )
        for each in found
    ]
    columns = ("#", "owner", "told", "delivered", "waiting", "given up", "last", "error")
    print_table("Subscriptions", columns, rows)


def _facts(found: object) -> dict[str, object]:
    """Return a subscription for JSON; the CA's certificates are long and public."""
    facts = asdict(found)  # type: ignore[call-overload] # a dataclass, of a room that is not imported here
    facts.pop("ca")
    return dict(facts)


@subscriptions.command("show")
def show(subscription: Number, data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show a subscription, and what was given up since the manager refused it."""
    from acs import subscriptions as sub

    def look(conn: Connection) -> tuple[sub.Subscription, sub.Backlog, list[sub.DeadLetter]]:
        found = sub.find_subscription(conn, subscription)
        if found is None:
            raise AcsError(f"there is no subscription {subscription}; see: acs subscriptions list")
        [backlog] = [each for each in sub.backlogs(conn) if each.subscription_id == found.id]
        return found, backlog, sub.dead_letters(conn, found.id)

    found, backlog, dead = read(settings_of(data, config), look)
    if json:
        print_json(
            {**_facts(found), "backlog": asdict(backlog), "dead_letters": [asdict(each) for each in dead]}
        )
        return
    facts = [
        ("owner", found.owner),
        ("told", found.consumer_reference),
        ("types", " ".join(found.filter.notification_types) or "all"),
        ("severities of new alarms", " ".join(found.filter.severities) or "all"),
        ("groups", " ".join(found.filter.groups) or "all"),
        ("silenced and inhibited alarms", "told with a mark" if found.filter.marks else "when they come out"),
        (
            "grouped by",
            " ".join(found.grouping.by) or "nothing: all in one" if found.grouping else "not grouped",
        ),
        ("delivered", found.delivered),
        ("last delivered", moment(found.delivered_at) or "never"),
        ("waiting", backlog.waiting),
        ("oldest of them", moment(backlog.oldest_at)),
        ("failures in a row", found.failures),
        ("next attempt", moment(found.retry_at)),
        ("error", found.last_error),
        ("given up", backlog.dead),
    ]
    print_table(f"Subscription {found.id}", ("field", "value"), facts)
    if dead:
        rows = [
            (each.id, each.notification_type, each.attempts, moment(each.dead_at), each.error)
            for each in dead
        ]
        print_table("Given up", ("#", "notification", "attempts", "at", "why"), rows)


@subscriptions.command("retry")
def retry(subscription: Number, data: Data = None, config: Config = None) -> None:
    """Put what was given up in line again; it comes out of order."""
    from acs import subscriptions as sub

    settings = settings_of(data, config)
    count = write(settings, lambda conn: sub.retry_dead(conn, subscription, who=who(), now=time.time()))
    console.print(f"{count} notifications are tried again")


@subscriptions.command("remove")
def remove(subscription: Number, data: Data = None, config: Config = None) -> None:
    """End a subscription; what the manager was not told yet is forgotten."""
    from acs import subscriptions as sub

    settings = settings_of(data, config)
    write(settings, lambda conn: sub.remove_subscription(conn, subscription, who=who(), now=time.time()))
    console.print(f"subscription {subscription} is removed")
