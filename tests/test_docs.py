"""What README and docs/ name is there: commands with their options, settings, metrics, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.core import TyperGroup

from acs.cli import app
from acs.observability import Metrics
from acs.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
SETTINGS = {each.name for each in msgspec.structs.fields(Settings)}
USAGE_ERROR = typer.BadParameter.__bases__[0]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def _tree() -> Any:
    return typer.main.get_command(app)


def _blocks(text: str) -> Iterator[str]:
    """Yield what stands in fences of a shell, and in indented blocks that begin with a command."""
    yield from re.findall(r"^```(?:sh|console|)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    without = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"(?:^    .*\n)+", without, re.MULTILINE)


def _calls(text: str) -> Iterator[list[str]]:
    """Yield the words after each ``acs`` of a shell script."""
    for line in re.sub(r"\\\n| > \S+", " ", text).splitlines():
        words = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=";|&")
        words.whitespace_split, words.commenters = True, "#"
        try:
            found = list(words)
        except ValueError:
            continue  # no line of a shell
        call: list[str] = []
        for word in [*found, ";"]:
            if set(word) <= set(";|&"):
                if call[:1] == ["acs"] or call[:1] == [".venv/bin/acs"]:
                    yield call[1:]
                call = []
            else:
                call.append(word)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words begin with, and the rest. Fails where there is none."""
    command, rest = _tree(), list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        if command.invoke_without_command and rest[0] not in command.commands:
            break
        try:
            _, command, rest = command.resolve_command(typer.Context(command), rest)
        except USAGE_ERROR as error:
            raise AssertionError(f"acs {' '.join(words)}: {error.format_message()}") from error
    return command, rest


@pages
def test_each_command_of_a_page_is_understood_as_it_is_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    wrong = []
    for call in (call for block in _blocks(page.read_text()) for call in _calls(block)):
        command, rest = _command(call)
        try:
            command.make_context("acs", [word for word in rest if word != "…"])
        except typer.Exit:  # --help
            continue
        except USAGE_ERROR as error:
            if "does not exist" not in error.format_message():  # a file of the reader's
                wrong.append(f"acs {' '.join(call)}: {error.format_message()}")
    assert not wrong


@pages
def test_each_command_in_the_text_of_a_page_is_there(page):
    wrong = []
    for span in re.findall(r"(?<!`)`(acs [^`]+)`(?!`)", page.read_text()):
        for call in _calls(span.replace("…", " ")):
            command, rest = _command(call)
            if isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
                wrong.append(span)
            known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
            wrong += [span for word in rest if word.startswith("--") and word.split("=")[0] not in known]
    assert not wrong


@pages
def test_each_setting_that_a_page_names_is_there(page):
    text = page.read_text()
    named = {each.lower() for each in re.findall(r"\bACS_([A-Z_]+[A-Z])\b", text)} - {"config"}
    named |= set(re.findall(r"\bsettings? `(\w+)[`\s]", text))
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        named |= set(re.findall(r"^#? ?(\w+) =", block, re.MULTILINE))
    assert named <= SETTINGS


def _metrics() -> dict[str, set[str]]:
    """Return the names as Prometheus sees them, with their labels."""
    metrics = Metrics()
    labels = {each._name: set(each._labelnames) for each in vars(metrics).values() if hasattr(each, "_name")}
    endings = {"counter": "_total", "info": "_info"}
    return {
        each.name + endings.get(each.type, ""): labels.get(each.name, set())
        for each in metrics.registry.collect()
    }


@pages
def test_each_metric_that_a_page_names_is_there_under_that_name(page):
    named = set(re.findall(r"`(acs_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{[^`]*)?`", page.read_text()))
    assert named <= set(_metrics()), "a counter ends with _total"


def test_every_metric_is_explained_to_operators():
    text = (ROOT / "docs/operating.md").read_text()
    named = set(re.findall(r"`(acs_[a-z_]+)(?:\{([^`]*)\})?`", text))
    names = {name for name, _ in named}
    ours = {name: labels for name, labels in _metrics().items() if name.startswith("acs_")}
    assert set(ours) <= names
    for name, labels in named:
        assert not labels or name == "acs_build_info" or set(labels.split(",")) <= ours[name]


@pages
def test_each_link_of_a_page_leads_somewhere(page):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            wrong.append(target)
    assert not wrong


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_each_page_is_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in readme] == []
