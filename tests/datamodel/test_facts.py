"""The packaged models are what the documents say, and what tables say that were made of them another way."""

import csv
import os
import re
from pathlib import Path

import pytest

import device_models
from acs.datamodel import dump, load_model, parse
from acs.datamodel.document import Folders
from acs.datamodel.shipped import SHIPPED, build

SHARED = Path(__file__).parents[3] / "shared"
TABLES = Path(os.environ.get("ACS_TEST_TABLES", SHARED / "data"))
DOCUMENTS = Path(os.environ.get("ACS_TEST_MODELS", SHARED / "bbf"))
OWN = {"fapservice-nr", "secmon"}
CSV = {
    "device2-hems": "device2_hems_subset.csv",
    "fapservice-2": "fapservice_tr196i2a1.csv",
    "fapservice-1": "fapservice_tr196i1a1.csv",
    "device1-fap": "device1_fap_tr262.csv",
    "faultmgmt-device2": "faultmgmt_tr181i2.csv",
    "faultmgmt-igd": "faultmgmt_tr098.csv",
    "faultmgmt-fapservice": "faultmgmt_tr196i1.csv",
}
ACCESS = {"readOnly": "R", "readWrite": "W", "writeOnceReadOnly": "O"}
DELETED = {"Device.ManagementServer.ManageableDevice.{i}.Alias"}
DELETED_VALUES = {"Completed", "Off"}  # TR-181 Issue 2: of DiagnosticsState, and of Firewall.Config

needs_tables = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"the tables of facts are not in {TABLES}; set ACS_TEST_TABLES"
)
needs_documents = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason=f"the documents are not in {DOCUMENTS}; set ACS_TEST_MODELS"
)


def rows(name):
    with (TABLES / CSV[name]).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def bound(text):
    return int(text) if text else None


@needs_tables
@pytest.mark.parametrize("name", CSV)
def test_each_row_of_the_table_is_in_the_model(name):
    model = load_model(name)
    wanted = {}
    for row in rows(name):
        path = row["path"].strip()
        if path in DELETED:
            continue
        if path.endswith("."):
            assert model.objects[path].writable == (row["access"] != "readOnly")
            continue
        wanted[path] = row
        spec = model.parameters[path]
        assert spec.access == ACCESS[row["access"]]
        assert spec.type == (row["type"] or "decimal")
        assert set(row["enum"].split("|") if row["enum"] else ()) - set(spec.values) <= DELETED_VALUES
        lengths, _, ranges = row["limits"].partition("range")
        length = re.search(r"max (\d+)", lengths)
        # the tables keep one length of a list, of the whole or of an item
        known = {spec.maximum_length, spec.maximum_item_length} if spec.is_list else {spec.maximum_length}
        assert (int(length[1]) if length else None) in known
        expected = [tuple(map(bound, each.split(".."))) for each in ranges.strip().split(",") if each]
        assert list(spec.ranges) == expected
    assert set(model.parameters) == set(wanted)


@needs_documents
@pytest.mark.parametrize("name", SHIPPED)
def test_the_packaged_file_is_what_the_documents_say(name):
    assert device_models.read(f"{name}.model") == dump(build(name, Folders(), DOCUMENTS))


def test_what_no_document_defines_says_so():
    assert set(device_models.model_names()) == set(SHIPPED) | OWN
    for name in OWN:
        head = parse(device_models.read(f"{name}.model")).head
        assert head["provenance"].startswith("own extension")


@pytest.mark.parametrize("name", device_models.model_names())
def test_the_compact_form_is_canonical(name):
    text = device_models.read(f"{name}.model")
    assert dump(parse(text)) == text
