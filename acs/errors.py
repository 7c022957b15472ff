"""The root of all errors that an operator may see."""

from __future__ import annotations

__all__ = ["AcsError"]


class AcsError(Exception):
    """A failure told in a sentence that names the thing, the place and the remedy."""
