"""``acs bench``: measure."""

from __future__ import annotations

import typer

bench = typer.Typer(no_args_is_help=True)


@bench.callback()
def about() -> None:
    """Measure an ACS of this machine; noise of ±30 % is normal, so compare within one run."""
