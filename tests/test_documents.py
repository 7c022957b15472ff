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
    "text", ["a: [1", "a: b: c", "- a\nb: c", "\x01", "a: 2026-99-99", "!!python/name:os {}"]
)
def test_an_error_names_the_source_and_nothing_else(text):
    with pytest.raises(AcsError) as error:
        read_yaml(text, "the file here.yaml")
    assert "here.yaml" in str(error.value)
    assert "unicode string" not in str(error.value)


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
