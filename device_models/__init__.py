"""Femto data models in compact form, and golden configurations. Facts only: names, types, limits.

The form of ``*.model`` is described in ``acs.datamodel.compact``; ``acs.datamodel.shipped`` makes them.
Sources: TR-181 Issue 2, TR-196 Issues 1 and 2, TR-262, TR-098. What no document defines says so in its
``#provenance``.
"""

from importlib import resources

__all__ = ["model_names", "profile_names", "read"]


def read(name: str) -> str:
    """Return a packaged file's text, for example ``device2-hems.model``. Raises ``FileNotFoundError``."""
    return resources.files("device_models").joinpath(name).read_text(encoding="utf-8")


def model_names() -> list[str]:
    """Return the names of the models that are packaged, sorted."""
    files = (each.name for each in resources.files("device_models").iterdir())
    return sorted(name.removesuffix(".model") for name in files if name.endswith(".model"))


def profile_names() -> list[str]:
    """Return the names of the device profiles that are packaged (``profiles/*.yaml``), sorted."""
    files = (each.name for each in resources.files("device_models").joinpath("profiles").iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
