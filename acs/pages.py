"""HTML pages for people, one file each, of what devices said.

Half of what stands in them was written by devices that may be in an attacker's hands: a page has no script,
loads nothing, forbids both to the browser, and every text in it is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import StrictUndefined
from markupsafe import Markup

__all__ = ["render_page"]


def render_page(package: str, name: str, **context: Any) -> bytes:
    """Return the page that the template ``name`` of a package makes (``.html``, its ``.css`` beside it).

    It gets ``style``, ``policy`` (its Content-Security-Policy) and ``context``, and the filter ``moment``
    for seconds since the epoch.
    """
    style = _text(package, f"{name}.css")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    template = _templates().from_string(_text(package, f"{name}.html"))
    page = template.render(style=Markup(style), policy=policy, **context)  # noqa: S704 - our own file
    return page.encode("utf-8", "backslashreplace")


def _templates() -> Templates:
    made = Templates(autoescape=True, undefined=StrictUndefined, finalize=_visible, trim_blocks=True)
    made.filters["moment"] = _moment
    return made


def _visible(value: Any) -> Any:
    """Show what would not be seen or would turn the text around (control and bidi characters) as escapes."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in value)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")
