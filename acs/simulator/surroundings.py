"""Where a simulated HeNB stands: what its GPS and its receiver find there, and whether it has the time.

No reset changes any of that; it is found again at each boot (TR-196 ScanOnBoot).
"""

from __future__ import annotations

from dataclasses import dataclass

from acs.simulator.tree import ParameterTree

__all__ = ["Surroundings"]

_GPS = "Device.FAP.GPS."
_CELLS = "Device.Services.FAPService.1.REM.LTE.Cell."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``place``: latitude and longitude in degrees; ``cells``: the CellIDs of the LTE macro cells it hears.

    ``time``: Time.Status. Of what is None nothing is told.
    """

    place: tuple[float, float] | None = None
    cells: tuple[int, ...] | None = None
    time: str | None = None

    def scan(self, tree: ParameterTree) -> None:
        """Write into the tree what is found."""
        if self.place is not None:
            latitude, longitude = (str(round(degrees * 1e6)) for degrees in self.place)
            tree.set(f"{_GPS}ScanStatus", "Success")
            tree.set(f"{_GPS}LockedLatitude", latitude)
            tree.set(f"{_GPS}LockedLongitude", longitude)
        if self.cells is not None:
            tree.remove_below(_CELLS)
            for number, cell in enumerate(self.cells, 1):
                tree.add(f"{_CELLS}{number}.BCCH.CellID", str(cell), "xsd:unsignedInt")
        if self.time is not None:
            tree.set("Device.Time.Status", self.time)
