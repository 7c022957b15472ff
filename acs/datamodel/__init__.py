"""Data models of femtocells: what a parameter is, which values it may have, what a whole tree looks like."""

from acs.datamodel.golden import golden_configuration, parse_golden
from acs.datamodel.model import Model, ObjectSpec, load_model, pattern_of
from acs.datamodel.profile import STANDARD, Profile
from acs.datamodel.spec import ParameterSpec, Problem
from acs.datamodel.tree import instantiate

__all__ = [
    "STANDARD",
    "Model",
    "ObjectSpec",
    "ParameterSpec",
    "Problem",
    "Profile",
    "golden_configuration",
    "instantiate",
    "load_model",
    "parse_golden",
    "pattern_of",
]
