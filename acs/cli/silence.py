"""``acs alarms silence``: for a while managers are not told of alarms that somebody knows of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import Connection

from acs.cli.input import moment_of, seconds_of
from acs.cli.node import read, settings_of, who, write
from acs.cli.options import Config, Data, Json, Number, Reason
from acs.cli.output import console, moment, print_json, print_table

if TYPE_CHECKING:
    from acs.alarms import Silence

__all__ = ["silence"]

silence = typer.Typer(no_args_is_help=True)
Matchers = Annotated[
    list[str],
    typer.Option(
        "--match",
        "-m",
        help='All have to fit: site=roof-1, severity!=MINOR, model=~"HeNB.*", tag in (a, b); repeat it.',
    ),
]
Grave = Annotated[
    bool,
    typer.Option(
        "--grave",
        help="Critical security alarms, and those that block the device, too: takes a second person.",
    ),
]


@silence.command("add")
def add(
    match: Matchers,
    because: Reason,
    data: Data = None,
    config: Config = None,
    json: Json = False,
    duration: Annotated[str, typer.Option("--for", help="For how long: 90s, 30m, 1h, 2d.")] = "2h",
    start: Annotated[str, typer.Option("--from", help="When it begins, UTC (default: now).")] = "",
    end: Annotated[str, typer.Option("--until", help="When it ends, UTC; in place of --for.")] = "",
    hold_remediation: Annotated[
        bool, typer.Option("--hold-remediation", help="Open no case for these alarms meanwhile, either.")
    ] = False,
    grave: Grave = False,
) -> None:
    """Silence alarms: they are listed as ever, and managers are told when the silence ends.

    Example: `acs alarms silence add -m site=roof-1 --for 4h --because "power works"`
    """
    from acs import alarms as al

    now = time.time()
    starts_at = moment_of(start, "--from") if start else now
    ends_at = moment_of(end, "--until") if end else starts_at + seconds_of(duration)

    def act(conn: Connection) -> Silence:
        return al.add_silence(
            conn,
            match,
            who=who(),
            why=because,
            starts_at=starts_at,
            ends_at=ends_at,
            hold_remediation=hold_remediation,
            grave=grave,
            now=now,
        )

    made = write(settings_of(data, config), act)
    if json:
        print_json(_facts(made, now))
        return
    about = read(
        settings_of(data, config), lambda conn: len(al.would_silence(conn, made.matchers, grave=grave))
    )
    console.print(
        f"silence {made.id} ends {moment(made.ends_at)}; {about} alarms that are active now fit it",
        markup=False,
    )
    if grave:
        console.print(
            f"it has no effect before another person says: acs alarms silence approve {made.id}", markup=False
        )


def _facts(found: Silence, now: float) -> dict[str, Any]:
    names = [name for name in found.__slots__ if name != "matchers"]
    facts = {name: getattr(found, name) for name in names}
    return {"state": found.state(now), "matchers": [str(each) for each in found.matchers], **facts}


@silence.command("list")
def list_all(
    data: Data = None,
    config: Config = None,
    json: Json = False,
    everything: Annotated[bool, typer.Option("--all", help="Those that ended as well.")] = False,
) -> None:
    """List silences, the newest first."""
    from acs import alarms as al

    now = time.time()
    found = read(
        settings_of(data, config), lambda conn: al.list_silences(conn, now=now, ended=everything, limit=1000)
    )
    if json:
        print_json([_facts(each, now) for each in found])
        return
    rows = [
        (
            each.id,
            each.state(now),
            " ".join(str(matcher) for matcher in each.matchers),
            moment(each.starts_at),
            moment(each.ends_at),
            "held" if each.hold_remediation else "goes on",
            f"{each.who} and {each.approved_by}" if each.approved_by else each.who,
            each.why,
        )
        for each in found
    ]
    print_table("Silences", ("#", "state", "about", "from", "until", "remediation", "who", "why"), rows)


@silence.command("expire")
def expire(
    number: Number,
    data: Data = None,
    config: Config = None,
    because: Reason = "",
) -> None:
    """End a silence now; managers are told of the alarms that are still active."""
    from acs import alarms as al

    write(
        settings_of(data, config),
        lambda conn: al.expire_silence(conn, number, who=who(), why=because, now=time.time()),
    )
    console.print(f"silence {number} has ended")


@silence.command("approve")
def approve(number: Number, because: Reason, data: Data = None, config: Config = None) -> None:
    """Approve, as a second person, a silence of critical security alarms."""
    from acs import alarms as al

    write(
        settings_of(data, config),
        lambda conn: al.approve_silence(conn, number, who=who(), why=because, now=time.time()),
    )
    console.print(f"silence {number} is approved")


@silence.command("check")
def check(
    match: Matchers, data: Data = None, config: Config = None, json: Json = False, grave: Grave = False
) -> None:
    """Show which active alarms a silence with these matchers would be about; nothing is changed."""
    from acs import alarms as al
    from acs import devices as dev

    wanted = al.parse_matchers(match)

    def look(conn: Connection) -> list[dict[str, Any]]:
        found = al.would_silence(conn, wanted, grave=grave)
        keys = {number: dev.get(conn, number).device_key for number in {each.device_id for each in found}}
        names = ("id", "alarm_identifier", "event_type", "probable_cause", "perceived_severity")
        return [
            {"device": keys[each.device_id], **{name: getattr(each, name) for name in names}}
            for each in found
        ]

    found = read(settings_of(data, config), look)
    if json:
        print_json(found)
        return
    columns = ("device", "id", "alarm_identifier", "event_type", "probable_cause", "perceived_severity")
    print_table(
        " ".join(str(each) for each in wanted), columns, [[each[name] for name in columns] for each in found]
    )
