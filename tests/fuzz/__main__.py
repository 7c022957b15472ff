"""Coverage-guided fuzzing: ``python -m tests.fuzz [TARGET …] [--seconds N]``; see ``make fuzz``.

Each target runs in a process of its own, from the inputs kept in ``corpus/TARGET`` and those that runs here
have added in ``grown/TARGET``: what is new and reaches new code is kept there, and the next run goes on from
it. With ``--keep`` it is kept in the corpus itself. An input that fails is written to ``found``.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent


def _one(name: str, seconds: int, keep: bool) -> None:
    """Run one target in this process; libFuzzer ends it."""
    import atheris
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with atheris.instrument_imports(include=["acs"]):
        target = TARGETS[name]()
        run = target.__enter__()  # the process ends within it
    corpus = HERE / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    new = corpus if keep else HERE / "grown" / name
    new.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        str(new),
        str(corpus),
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/{name}-",
        "-max_len=16384",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup(arguments, run)
    atheris.Fuzz()


def main() -> int:
    """Fuzz the targets one after another; return 1 where one found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="all of them where none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="keep new inputs in the corpus")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if given.here:
        _one(given.targets[0], given.seconds, given.keep)
        return 0
    failed = []
    for name in given.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz", name, "--here", "--seconds", str(given.seconds)]
        with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
            ended = subprocess.run(
                command + ["--keep"] * given.keep,
                capture_output=True,
                text=True,
                check=False,
                cwd=HERE.parents[1],
                env={**os.environ, "TMPDIR": folder},
            )
        lines = ended.stderr.splitlines()
        runs = next((each.split()[-1] for each in lines if "number_of_executed_units" in each), "?")
        print(f"{name}: {runs} runs, {'FOUND SOMETHING' if ended.returncode else 'nothing found'}")
        if ended.returncode:
            failed.append(name)
            print("\n".join(lines[-60:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
