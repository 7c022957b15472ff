"""The STUN server of TR-069 Annex G: devices behind a NAT learn their binding, and the ACS with them."""

from acs.southbound.stun.server import StunServer

__all__ = ["StunServer"]
