"""How the packaged models are made from documents of the Broadband Forum.

``python -m acs.datamodel.shipped FOLDER`` reads the documents in FOLDER and writes ``device_models``.
Models that no document defines are written by hand and say so (``#provenance``).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import device_models
from acs.datamodel.compact import Compact, dump
from acs.datamodel.document import Folders
from acs.datamodel.importer import import_models

__all__ = ["SHIPPED", "Part", "build"]


@dataclass(frozen=True, slots=True)
class Part:
    """A document, where its objects go, and which of them are taken (none: all of them)."""

    file: str
    keep: tuple[str, ...] = ()
    root: str = ""


_DEVICE_2 = "tr-181-2-17-0-cwmp-full.xml"
_FEMTO = "tr-262-1-0-0.xml"
_IGD = "tr-098-1-8-0-full.xml"
_HEMS = (
    "BulkData",
    "DeviceInfo",
    "FAP",
    "FaultMgmt",
    "Firewall",
    "IP.Diagnostics",
    "IPsec",
    "ManagementServer",
    "PeriodicStatistics",
    "SSH",
    "Security",
    "SelfTestDiagnostics",
    "SoftwareModules",
    "Time",
    "UserInterface",
    "Users",
    "XMPP",
)
_HEMS_IGD = (
    "DeviceInfo",
    "ManagementServer",
    "Time",
    "UserInterface",
    "FaultMgmt",
    "FAP",
    "SoftwareModules",
    "SelfTestDiagnostics",
)

SHIPPED: dict[str, tuple[Part, ...]] = {
    "device2-hems": (Part(_DEVICE_2, tuple(f"Device.{each}." for each in _HEMS)),),
    "fapservice-2": (Part("tr-196-2-1-2-cwmp-full.xml", ("Device.Services.FAPService.{i}.",)),),
    "fapservice-1": (Part("tr-196-1-1-1-full.xml", ("Device.Services.FAPService.{i}.",)),),
    "device1-fap": (Part(_FEMTO, ("Device.FAP.",), "Device."), Part(_DEVICE_2, ("Device.FaultMgmt.",))),
    "igd-hems": (Part(_IGD, tuple(f"InternetGatewayDevice.{each}." for each in _HEMS_IGD)),),
    "faultmgmt-device2": (Part(_DEVICE_2, ("Device.FaultMgmt.",)),),
    "faultmgmt-igd": (Part(_IGD, ("InternetGatewayDevice.FaultMgmt.",)),),
    "faultmgmt-fapservice": (Part("tr-196-1-1-1-full.xml", ("Device.Services.FAPService.{i}.FaultMgmt.",)),),
}
"""Model name to what it is made of: the part of each standard model that a HeMS has to do with."""


def build(name: str, folders: Folders, folder: Path) -> Compact:
    """Return a packaged model, read from the documents in ``folder``."""
    made = Compact()
    for part in SHIPPED[name]:
        (found,) = import_models(folder / part.file, root=part.root, folders=folders)
        model = subset(found.model, part.keep)
        made = Compact(
            {
                **model.head,
                **{key: f"{made.head[key]}, {model.head[key]}" for key in ("document", "file") if made.head},
            },
            made.objects + model.objects,
            made.parameters + model.parameters,
            made.profiles + model.profiles,
        )
    return replace(made, head={**made.head, "model": name, "root": made.objects[0].path})


def subset(model: Compact, keep: tuple[str, ...]) -> Compact:
    """Return what lies below the paths ``keep``; of the profiles those that lie there as a whole."""
    profiles = [
        each
        for each in model.profiles
        if all(path.startswith(keep) for path in (*each.objects, *each.parameters)) and each.parameters
    ]
    return Compact(
        model.head,
        tuple(each for each in model.objects if each.path.startswith(keep)),
        tuple(each for each in model.parameters if each.path.startswith(keep)),
        tuple(profiles),
    )


def main() -> None:
    """Write all models."""
    folder, target = Path(sys.argv[1]), Path(device_models.__file__).parent
    folders = Folders()
    for name in SHIPPED:
        (target / f"{name}.model").write_text(dump(build(name, folders, folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
