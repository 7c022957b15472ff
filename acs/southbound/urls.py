"""URLs that somebody else wrote."""

from __future__ import annotations

from yarl import URL

__all__ = ["parse_url"]


def parse_url(text: str) -> URL:
    """Return what a device or a certificate calls a URL. Raises ``ValueError`` where it is none."""
    try:
        return URL(text)
    except IndexError:  # yarl's answer to http://[:]@
        raise ValueError("it has brackets, and no host") from None
