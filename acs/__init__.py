"""femto-acs: a TR-069 auto-configuration server that remediates HeNBs.

The rooms of the house and the way imports run between them are described in
``ARCHITECTURE.md``.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
