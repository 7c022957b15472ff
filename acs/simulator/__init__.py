"""Simulated HeNBs: a state machine each, fleets of them on real sockets, scenarios."""

from acs.simulator.connection import Access, Device, Statistics
from acs.simulator.firmware import build_image
from acs.simulator.fleet import Fleet
from acs.simulator.henb import Executed, Fault, HeNB
from acs.simulator.pace import LAB, REAL, Pace
from acs.simulator.scenario import Entry, Expectation, Scenario, load_scenario
from acs.simulator.surroundings import Surroundings
from acs.simulator.tamper import TAMPERS, UNTIL, Tamper
from acs.simulator.vendor import OUI, PRODUCT_CLASS, Vendor

__all__ = [
    "LAB",
    "OUI",
    "PRODUCT_CLASS",
    "REAL",
    "TAMPERS",
    "UNTIL",
    "Access",
    "Device",
    "Entry",
    "Executed",
    "Expectation",
    "Fault",
    "Fleet",
    "HeNB",
    "Pace",
    "Scenario",
    "Statistics",
    "Surroundings",
    "Tamper",
    "Vendor",
    "build_image",
    "load_scenario",
]
