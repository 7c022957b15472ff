"""Data models of femtocells: what a parameter is, which values it may have, what a whole tree looks like."""

from acs.datamodel.about import About, about
from acs.datamodel.compact import Compact, ObjectSpec, ProfileSpec, dump, parse
from acs.datamodel.golden import golden_configuration, parse_golden
from acs.datamodel.importer import Imported, import_models
from acs.datamodel.matching import Identified, Match
from acs.datamodel.model import Model, composed, load_model, packaged_names, pattern_of, rerooted
from acs.datamodel.profile import STANDARD, Alias, Profile
from acs.datamodel.profiles import (
    Profiles,
    install_profiles,
    installed_profiles,
    load_profiles,
    profile_for,
)
from acs.datamodel.secret import MASK, hidden_in, shown_value, sounds_secret, veiled
from acs.datamodel.spec import ParameterSpec, Problem
from acs.datamodel.tree import instantiate

__all__ = [
    "MASK",
    "STANDARD",
    "About",
    "Alias",
    "Compact",
    "Identified",
    "Imported",
    "Match",
    "Model",
    "ObjectSpec",
    "ParameterSpec",
    "Problem",
    "Profile",
    "ProfileSpec",
    "Profiles",
    "about",
    "composed",
    "dump",
    "golden_configuration",
    "hidden_in",
    "import_models",
    "install_profiles",
    "installed_profiles",
    "instantiate",
    "load_model",
    "load_profiles",
    "packaged_names",
    "parse",
    "parse_golden",
    "pattern_of",
    "profile_for",
    "rerooted",
    "shown_value",
    "sounds_secret",
    "veiled",
]
