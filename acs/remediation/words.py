"""How rules of a policy say what they are about: ``*``, one value, or a list of values."""

from __future__ import annotations

__all__ = ["Words", "fits", "listed"]

Words = str | list[str]


def listed(words: Words) -> list[str]:
    """Return the words as a list."""
    return [words] if isinstance(words, str) else words


def fits(words: Words, value: str) -> bool:
    """Tell whether a value is meant."""
    return words == "*" or value in listed(words) or "*" in listed(words)
