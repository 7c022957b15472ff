"""Build the compact models from tables of facts: ``python -m device_models.build FOLDER``.

FOLDER holds CSV files with the columns path, type, access, enum, limits.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

__all__ = ["SOURCES", "compact"]

SOURCES = {
    "device2-hems": "device2_hems_subset.csv",
    "fapservice-2": "fapservice_tr196i2a1.csv",
    "fapservice-1": "fapservice_tr196i1a1.csv",
    "device1-fap": "device1_fap_tr262.csv",
    "faultmgmt-device2": "faultmgmt_tr181i2.csv",
    "faultmgmt-igd": "faultmgmt_tr098.csv",
    "faultmgmt-fapservice": "faultmgmt_tr196i1.csv",
}
"""Model name to the CSV file that it is built from."""

_ACCESS = {"readOnly": "R", "readWrite": "W", "writeOnceReadOnly": "O"}


def compact(table: Path) -> str:
    """Return the compact form of one CSV file."""
    lines: list[str] = []
    current = ""
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path, access = row["path"], _ACCESS.get(row["access"], "R")
            if path.endswith("."):
                current = path
                lines.append(f"{path}\t{access}")
                continue
            parent, _, name = path.rpartition(".")
            if parent + "." != current:
                current = parent + "."
                lines.append(f"{current}\tR")
            fields = (name, row["type"] or "string", access, row["enum"], row["limits"].strip())
            lines.append(("\t" + "\t".join(fields)).rstrip("\t"))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all models beside this file."""
    folder = Path(sys.argv[1])
    for name, source in SOURCES.items():
        (Path(__file__).parent / f"{name}.model").write_text(compact(folder / source), encoding="utf-8")


if __name__ == "__main__":
    main()
