"""XML schemas of CWMP in our own words.

``cwmp-1-0.xsd`` to ``cwmp-1-2.xsd`` are made by ``python -m cwmp_schemas.build`` from the table
that the codec follows; ``soap-envelope.xsd`` and ``soap-encoding.xsd`` are the parts of SOAP 1.1
that CWMP uses. The last CWMP namespace is that of CWMP 1.2, 1.3 and 1.4.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

__all__ = ["FOLDER", "schema", "schema_path"]

FOLDER = Path(__file__).parent

_PREFIX = "urn:dslforum-org:"


def schema_path(namespace: str) -> Path:
    """Return the file of the schema of a CWMP namespace; KeyError where there is none."""
    path = FOLDER / f"{namespace.removeprefix(_PREFIX)}.xsd"
    if not namespace.startswith(_PREFIX) or path.parent != FOLDER or not path.is_file():
        raise KeyError(namespace)
    return path


@cache
def schema(namespace: str) -> etree.XMLSchema:
    """Return the schema that whole SOAP envelopes of a CWMP namespace are held against.

    Raises ``KeyError`` for an unknown namespace.
    """
    return etree.XMLSchema(etree.parse(str(schema_path(namespace))))
