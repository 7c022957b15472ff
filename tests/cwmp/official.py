"""The schemas of the Broadband Forum, where they lie beside the project."""

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from acs.cwmp import messages as m
from cwmp_schemas import FOLDER

OFFICIAL = Path(__file__).parents[3] / "shared" / "bbf"
VERSIONS = {0: m.CWMP_1_0, 1: m.CWMP_1_1, 2: m.CWMP_1_2, 3: m.CWMP_1_2, 4: m.CWMP_1_2}

_STAND_INS = {
    "http://schemas.xmlsoap.org/soap/envelope/": FOLDER / "soap-envelope.xsd",
    "http://schemas.xmlsoap.org/soap/encoding/": FOLDER / "soap-encoding.xsd",
}


class _Resolver(etree.Resolver):
    """Serves what the official schemas import by URL from files."""

    def resolve(self, system_url, public_id, context):
        path = _STAND_INS.get(system_url)
        if path is None and "/cwmp/cwmp-1-" in system_url:
            path = OFFICIAL / system_url.rpartition("/")[2]
        return self.resolve_filename(str(path), context) if path else None


@cache
def official_schema(minor):
    """Return the official schema of CWMP 1.``minor``; skips the test where it is not at hand."""
    path = OFFICIAL / f"cwmp-1-{minor}.xsd"
    if not path.is_file():
        pytest.skip(f"the official schemas are not at {OFFICIAL}")
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Resolver())
    return etree.XMLSchema(etree.parse(str(path), parser))
