"""Every fact of the tables is in the packaged models."""

import csv
import os
import re
from pathlib import Path

import pytest

import device_models
from acs.datamodel import load_model
from device_models.build import ITEM_LENGTHS, SOURCES, compact

TABLES = Path(os.environ.get("ACS_TEST_TABLES", Path(__file__).parents[3] / "shared" / "data"))
ACCESS = {"readOnly": "R", "readWrite": "W", "writeOnceReadOnly": "O"}

needs_tables = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"the tables of facts are not in {TABLES}; set ACS_TEST_TABLES"
)


def rows(name):
    with (TABLES / SOURCES[name]).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def bound(text):
    return int(text) if text else None


@needs_tables
@pytest.mark.parametrize("name", SOURCES)
def test_each_row_of_the_table_is_in_the_model(name):
    model = load_model(name)
    objects, parameters = 0, 0
    for row in rows(name):
        path = row["path"].strip()
        if path.endswith("."):
            objects += 1
            assert model.objects[path].writable == (row["access"] != "readOnly")
            continue
        parameters += 1
        spec = model.parameters[path]
        assert spec.type == (row["type"] or "decimal")
        assert spec.access == ACCESS[row["access"]]
        assert "|".join(spec.values) == row["enum"]
        lengths, _, ranges = row["limits"].partition("range")
        length = re.search(r"max (\d+)", lengths)
        known = spec.maximum_item_length if path in ITEM_LENGTHS else spec.maximum_length
        assert known == (int(length[1]) if length else None)
        wanted = [tuple(map(bound, each.split(".."))) for each in ranges.strip().split(",") if each]
        assert list(spec.ranges) == wanted
    assert (len(model.objects), len(model.parameters)) == (objects, parameters)


@needs_tables
@pytest.mark.parametrize("name", SOURCES)
def test_the_packaged_file_is_what_build_makes(name):
    assert device_models.read(f"{name}.model") == compact(TABLES / SOURCES[name])


@needs_tables
def test_item_lengths_name_lists_of_the_tables():
    lists = {row["path"].strip() for name in SOURCES for row in rows(name) if row["type"].startswith("list ")}
    assert set(ITEM_LENGTHS) <= lists


def test_all_packaged_models_are_built_from_a_table():
    assert set(device_models.model_names()) == set(SOURCES)


def test_an_access_that_build_does_not_know_is_an_error(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("path,type,access,enum,limits\nDevice.X,string,sometimes,,\n")
    with pytest.raises(KeyError, match="sometimes"):
        compact(table)


def test_build_names_the_lengths_of_items_and_cleans_names(tmp_path):
    table = tmp_path / "table.csv"
    path = "Device.Services.FAPService.{i}.AccessMgmt.UMTS.AccessControlList"
    table.write_text(
        f"path,type,access,enum,limits\n{path},list string,readWrite,,max 15\nDevice.X.Y ,,readOnly,,\n"
    )
    assert compact(table) == (
        "Device.Services.FAPService.{i}.AccessMgmt.UMTS.\tR\n"
        "\tAccessControlList\tlist string\tW\t\tmax 1024 item 15\n"
        "Device.X.\tR\n\tY\tdecimal\tR\n"
    )
