"""The map of the house is true: its rooms stand in the order of imports, and what it names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAP = (ROOT / "ARCHITECTURE.md").read_text()
LAYERS = next(
    each["layers"]
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if each["type"] == "layers"
)
PLACES = [ROOT, ROOT / "acs", *(each for each in (ROOT / "acs").rglob("*") if each.is_dir())]
_ROOM = re.compile(r"`acs/(\w+)(?:\.py)?`")
_PATH = re.compile(r"`([\w./]+(?:\.py|\.yaml|\.md|/))`")


def test_the_rooms_stand_from_the_lowest_layer_to_the_highest() -> None:
    floors = {room.strip(): floor for floor, row in enumerate(reversed(LAYERS)) for room in row.split("|")}
    rooms = [room for line in MAP.splitlines() if line.startswith("| `") for room in _ROOM.findall(line)]
    assert sorted(rooms) == sorted(floors)
    heights = [floors[room] for room in rooms]
    assert heights == sorted(heights)


@pytest.mark.parametrize("path", sorted(set(_PATH.findall(MAP))))
def test_what_the_map_names_is_there(path: str) -> None:
    """A path is that of the project, of ``acs``, or of a room."""
    assert any((place / path).exists() for place in PLACES)
