"""What people write in YAML: an error names the file and the place, whoever reads it."""

from __future__ import annotations

import pytest

from acs.datamodel.profiles import parse_profile
from acs.declared import parse_layer
from acs.documents import read_yaml
from acs.errors import AcsError
from acs.lab.trial import load_scenarios
from acs.remediation import load_policy
from acs.simulator.scenario import load_scenario


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "- a\nb: c", "\x01", "a: 2026-99-99", "!!python/name:os {}", "a: 1\na: 2"]
)
def test_an_error_names_the_source_and_nothing_else(text):
    with pytest.raises(AcsError) as error:
        read_yaml(text, "the file here.yaml")
    assert "here.yaml" in str(error.value)
    assert "unicode string" not in str(error.value)


@pytest.mark.parametrize("as_written", [False, True])
def test_of_two_entries_of_one_name_none_is_taken(as_written):
    with pytest.raises(AcsError, match=r"(?s)'tac' is there\n.*line 2,.*\nand once more\n.*line 3,") as error:
        read_yaml("cell:\n  tac: 1\n  tac: 2", "mine.yaml", as_written=as_written)
    assert str(error.value).count("mine.yaml") == 3
    deeper = "a: &x {n: 1}\nb:\n  c: &y {<<: *x, n: 2}\nd: {<<: *y}"
    assert read_yaml(deeper, "m", as_written=as_written)["d"]["n"] in (2, "2")
    assert read_yaml("a: &x {n: 1}\nb: {<<: *x, n: 2}", "m", as_written=as_written)["b"]["n"] in (2, "2")


def test_as_written_a_value_is_its_text():
    text = "a: 00101\nb: no\nc:\nd: ''\ne: 1.40\nf: [12:30, true]\n00101: x"
    assert read_yaml(text, "m", as_written=True) == {
        "a": "00101", "b": "no", "c": None, "d": "", "e": "1.40", "f": ["12:30", "true"], "00101": "x",
    }  # fmt: skip


@pytest.mark.parametrize("read", [load_policy, load_scenario, load_scenarios])
def test_each_reader_of_a_file_names_it(tmp_path, read):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nrules: [")
    with pytest.raises(AcsError, match=r'in "[^"]*wrong.yaml", line 2, column \d+'):
        read(path)


@pytest.mark.parametrize("parse", [parse_profile, parse_layer])
def test_each_reader_of_a_text_names_its_source(parse):
    with pytest.raises(AcsError, match=r'in "[^"]*mine.yaml", line 1, column \d+'):
        parse("values: [", "mine.yaml")
