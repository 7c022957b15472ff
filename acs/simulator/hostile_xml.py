"""What XML can be made to cost: entities, depth, floods (interop-and-hardening, items 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["HOSTILE_XML"]

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def _soap(inner: str, before: str = "") -> bytes:
    return (
        f'{before}<s:Envelope xmlns:s="{_SOAP}" xmlns:c="urn:dslforum-org:cwmp-1-0"><s:Body>{inner}'
        "</s:Body></s:Envelope>"
    ).encode()


def _laughs() -> bytes:
    rows = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return _soap("<c:Inform>&l9;</c:Inform>", f'<!DOCTYPE x [<!ENTITY l0 "ha">{rows}]>')


HOSTILE_XML: dict[str, Callable[[], bytes]] = {
    "xxe-file": lambda: _soap("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "xxe-http": lambda: _soap("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>'),
    "xxe-parameter": lambda: _soap("", '<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/passwd">%e;]>'),
    "billion-laughs": _laughs,
    "quadratic": lambda: _soap("&e;" * 50_000, f'<!DOCTYPE x [<!ENTITY e "{"x" * 50_000}">]>'),
    "deep": lambda: _soap("<a>" * 100_000 + "</a>" * 100_000),
    "unclosed": lambda: b"<a>" * 100_000,
    "attributes": lambda: _soap("<c:Inform " + " ".join(f'a{n}=""' for n in range(700_000)) + "/>"),
    "namespaces": lambda: _soap("<c:Inform " + " ".join(f'xmlns:n{n}="u{n}"' for n in range(200_000)) + "/>"),
    "elements": lambda: _soap("<a/>" * 1_500_000),
}
