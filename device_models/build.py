"""Build the compact models from tables of facts: ``python -m device_models.build FOLDER``.

FOLDER holds CSV files with the columns path, type, access, enum, limits. They keep one maximum length of a
list; ``ITEM_LENGTHS`` says where it is that of an item (the ``size`` of the item's type in the XML models).
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

_FAP = "Device.Services.FAPService.{i}."
_CDMA = f"{_FAP}CellConfig.CDMA2000."

ITEM_LENGTHS: dict[str, int | None] = {
    "Device.ManagementServer.ConnReqAllowedJabberIDs": None,
    "Device.UserInterface.HTTPAccess.{i}.AllowedRoles": None,
    "Device.IP.Diagnostics.IPLayerCapacityMetrics.ServerList": None,
    "Device.IP.Diagnostics.ServerSelectionDiagnostics.HostList": None,
    "Device.IPsec.Profile.{i}.RemoteEndpoints": None,
    f"{_FAP}Capabilities.CDMA2000.OneX.BandClassSupportedFAP": None,
    f"{_FAP}AccessMgmt.AccessControlList": 1024,
    f"{_FAP}AccessMgmt.UMTS.AccessControlList": 1024,
    f"{_FAP}AccessMgmt.CDMA2000.AccessControlList": 1024,
    f"{_FAP}CellConfig.UMTS.CN.EquivPLMNID": 64,
    f"{_FAP}CellConfig.LTE.Tunnel.{{i}}.PLMNID": None,
    f"{_CDMA}OneX.RAN.RF.RFCNFL": None,
    f"{_CDMA}OneX.RAN.RF.PilotPN": None,
    f"{_CDMA}OneX.RAN.NetworkListenModeConfig.RFCNFLToProtect": None,
    f"{_CDMA}HRPD.RAN.RF.RFCNFL": None,
    f"{_CDMA}HRPD.RAN.RF.PilotPN": None,
    f"{_CDMA}Beacon.BeaconList.{{i}}.BeaconPNOffset": None,
    f"{_CDMA}Beacon.HRPDBeaconList.{{i}}.BeaconPNOffset": None,
    f"{_FAP}REM.WCDMAFDD.REMBandList": None,
    f"{_FAP}REM.GSM.REMPLMNList": None,
    f"{_FAP}REM.UMTS.WCDMA.REMBandList": None,
    f"{_FAP}REM.UMTS.GSM.REMPLMNList": None,
    f"{_FAP}REM.LTE.REMBandList": None,
    f"{_FAP}REM.CDMA2000.OneX.Channel.{{i}}.PNList": None,
    f"{_FAP}REM.CDMA2000.HRPD.Channel.{{i}}.PNList": None,
    f"{_FAP}REM.CDMA2000.MacroTiming.TrackingPNOffset": None,
    f"{_FAP}REM.CDMA2000.MacroTiming.Channel.{{i}}.PNList": None,
    f"{_FAP}Transport.SIP.FCS.EmergencyNumbersList": None,
}
"""Lists whose maximum in the tables is that of an item, and the maximum of the whole list, None for none
(TR-181 Issue 2, TR-196 Issues 1 and 2)."""

_ACCESS = {"readOnly": "R", "readWrite": "W", "writeOnceReadOnly": "O"}


def compact(table: Path) -> str:
    """Return the compact form of one CSV file."""
    lines: list[str] = []
    current = ""
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path, access = row["path"].strip(), _ACCESS[row["access"]]
            if path.endswith("."):
                current = path
                lines.append(f"{path}\t{access}")
                continue
            parent, _, name = path.rpartition(".")
            if parent + "." != current:
                current = parent + "."
                lines.append(f"{current}\tR")
            # a type that the tables leave empty is decimal in TR-181 Issue 2
            fields = (name, row["type"] or "decimal", access, row["enum"], _limits(path, row["limits"]))
            lines.append(("\t" + "\t".join(fields)).rstrip("\t"))
    return "\n".join(lines) + "\n"


def _limits(path: str, limits: str) -> str:
    """Return the limits with the maximum of a list's items called ``item``."""
    if path not in ITEM_LENGTHS:
        return limits.strip()
    whole = ITEM_LENGTHS[path]
    items = limits.strip().replace("max ", "item ")
    return items if whole is None else f"max {whole} {items}"


def main() -> None:
    """Write all models beside this file."""
    folder = Path(sys.argv[1])
    for name, source in SOURCES.items():
        (Path(__file__).parent / f"{name}.model").write_text(compact(folder / source), encoding="utf-8")


if __name__ == "__main__":
    main()
