"""``acs policy``: check, explain, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from acs.cli.options import Json
from acs.cli.output import console, print_json

__all__ = ["policy"]

policy = typer.Typer(no_args_is_help=True)
File = Annotated[Path | None, typer.Option("--policy", help="A policy file (default: the shipped one).")]


@policy.command()
def check(path: Annotated[Path, typer.Argument(help="The policy file.")]) -> None:
    """Check a policy: words, limits, and that every alarm is decided."""
    from acs.remediation import load_policy

    found = load_policy(path)
    console.print(f"{path}: right; {len(found.rules)} rules, version {found.version}", markup=False)


@policy.command()
def explain(
    event_type: Annotated[str, typer.Argument(help="For example 'Integrity Violation'.")],
    probable_cause: Annotated[str, typer.Argument(help="For example 'Information Modification Detected'.")],
    severity: Annotated[str, typer.Argument(help="Critical, Major, Minor, Warning, Indeterminate.")],
    specific_problem: Annotated[str, typer.Option(help="The vendor's SpecificProblem.")] = "",
    product_class: Annotated[str, typer.Option(help="ProductClass.")] = "",
    path: File = None,
    json: Json = False,
) -> None:
    """Say which procedure an alarm would start, by which rule, and why. Any spelling of the words will do.

    And which measures the network would be asked for, should it come to that.

    Example: acs policy explain "Integrity Violation" "Information Modification Detected" Major
    """
    from acs import alarms as al
    from acs.remediation import classify, load_policy, occasions_of, wanted_measures

    found = load_policy(path)
    event = al.event_type(event_type)
    cause, _ = al.probable_cause(probable_cause)
    level = al.severity(severity)
    decision = classify(
        found, event, cause, level, specific_problem=specific_problem, product_class=product_class
    )
    assert decision is not None
    facts = {"event_type": event, "probable_cause": cause, "perceived_severity": level}
    facts["specific_problem"] = specific_problem
    procedure = decision.procedure
    measures = {
        occasion: wanted_measures(
            found.measures, occasion, procedure=procedure, product_class=product_class, facts=facts
        )
        for occasion in occasions_of(procedure)
    }
    measures = {occasion: wanted for occasion, wanted in measures.items() if wanted}
    known = event in al.SECURITY_EVENT_TYPES
    if json:
        print_json(
            {
                "event_type": event,
                "probable_cause": cause,
                "severity": level,
                "procedure": decision.procedure if known else None,
                "rule": decision.rule,
                "because": decision.because,
                "security": known,
                "measures": measures if known else {},
            }
        )
        return
    console.print(f"{event} / {cause} / {level}", markup=False)
    if not known:
        console.print(f"{event} is no security event type: the alarm is forwarded and starts no procedure")
        return
    console.print(f"{decision.procedure} by rule {decision.rule}: {decision.because}", markup=False)
    for occasion, wanted in measures.items():
        for name, because in wanted.items():
            console.print(f"on {occasion}, {name}: {because}", markup=False)


@policy.command()
def show(path: File = None) -> None:
    """Print the policy: a file to begin one's own with."""
    from acs.remediation import load_policy

    sys.stdout.write(load_policy(path).text)
