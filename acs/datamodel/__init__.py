"""Data models of femtocells: what a parameter is, which values it may have, what a whole tree looks like."""

from acs.datamodel.golden import golden_configuration, parse_golden
from acs.datamodel.matching import Identified, Match
from acs.datamodel.model import Model, ObjectSpec, load_model, pattern_of
from acs.datamodel.profile import STANDARD, Alias, Profile
from acs.datamodel.profiles import (
    Profiles,
    install_profiles,
    installed_profiles,
    load_profiles,
    profile_for,
)
from acs.datamodel.spec import ParameterSpec, Problem
from acs.datamodel.tree import instantiate

__all__ = [
    "STANDARD",
    "Alias",
    "Identified",
    "Match",
    "Model",
    "ObjectSpec",
    "ParameterSpec",
    "Problem",
    "Profile",
    "Profiles",
    "golden_configuration",
    "install_profiles",
    "installed_profiles",
    "instantiate",
    "load_model",
    "load_profiles",
    "parse_golden",
    "pattern_of",
    "profile_for",
]
