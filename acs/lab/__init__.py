"""A HeMS and simulated HeNBs under virtual time, to try playbooks and ladders in."""

from acs.lab.world import World

__all__ = ["World"]
