"""The file server for devices: fetching what the catalogue holds, taking in what devices send."""

from acs.southbound.files.server import FileServer

__all__ = ["FileServer"]
