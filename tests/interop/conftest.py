"""A real node, and devices that speak to it byte by byte."""

from __future__ import annotations

from tests.southbound.conftest import bench

__all__ = ["bench"]
