"""A case for people: what was done when, why, and what came of it, a line a step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from acs.remediation import Case, Step

__all__ = ["gist", "timeline"]

_LONGEST = 60  # characters of a result


def timeline(case: Case, steps: Iterable[Step]) -> list[str]:
    """Return the lines of a case, its outcome last."""
    lines = [_line(case, each) for each in steps]
    at = "" if case.closed_at is None else f"{_after(case.closed_at - case.opened_at)} "
    word = case.outcome or ("it waits" if case.state == "waiting" else "it is not done")
    return [*lines, f"{at}{case.state}, {word}: {case.because}"]


def _line(case: Case, step: Step) -> str:
    branch = f"[{step.branch}] " if step.branch else ""
    detail = f" {step.detail}" if step.detail else ""
    because = f" (because {step.because})" if step.because else ""
    value = msgspec.json.decode(step.result) if step.result else None
    result = gist(value, asked=not step.event) if step.done else "…"
    came = f" → {result}" if result else ""
    return f"{_after(step.started_at - case.opened_at)} {branch}{step.name}{detail}{because}{came}"


def gist(value: Any, *, asked: bool = False) -> str:
    """Return a step's result in a few words; ``asked``: it is an answer and was not waited for."""
    match value:
        case None:
            return ""
        case {"state": state, "fault_code": code}:
            return f"{state}, fault {code}" if code else str(state)
        case {"action": action, "who": who}:
            return f"{action} by {who}"
        case bool() if asked:
            return "yes" if value else "no"
        case bool():
            return "it came" if value else "it did not come in time"
        case _:
            text = msgspec.json.encode(value).decode()
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _after(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02}:{rest:02}"
