"""A HeMS and simulated HeNBs under virtual time, to try playbooks and ladders in."""

from acs.lab.timeline import gist, timeline
from acs.lab.trial import Lab, Scenario, Tried, load_scenarios, try_scenario
from acs.lab.world import World

__all__ = [
    "Lab",
    "Scenario",
    "Tried",
    "World",
    "gist",
    "load_scenarios",
    "timeline",
    "try_scenario",
]
