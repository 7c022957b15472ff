"""What a trusted CA may vouch for: a vendor's CA for that vendor's devices, and for no others."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from acs.errors import AcsError
from acs.security.secrets import write_private

__all__ = ["Scope", "read_scope", "scope_path", "write_scope"]

_OUI = re.compile(r"[0-9A-F]{6}\Z")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """For which OUIs, domain suffixes and ProductClasses a CA may vouch; an empty list sets no limit.

    Without any limit a scope has to be ``unscoped``: nobody trusts one vendor with the devices of all
    by forgetting something. ``fail_safe``: it issues the limited credentials of fail-safe images, which are
    good for the emergency management system alone (S1 L82). Raises ``AcsError`` for what is no OUI or domain.
    """

    ouis: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    product_classes: tuple[str, ...] = ()
    unscoped: bool = False
    fail_safe: bool = False

    def __post_init__(self) -> None:
        for oui in self.ouis:
            if not _OUI.match(oui):
                raise AcsError(f"the OUI {oui!r} is not six hexadecimal digits in capitals, like 0005B9")
        for domain in self.domains:
            if not _DOMAIN.match(domain):
                raise AcsError(f"the domain {domain!r} is none; for example henb.vendor.example")
        limited = bool(self.ouis or self.domains or self.product_classes)
        if limited == self.unscoped:
            raise AcsError(
                "a CA needs a scope: OUIs, domains or ProductClasses it may vouch for"
                if not limited
                else "a CA is either unscoped or has a scope"
            )

    def refusal(self, oui: str, name: str, product_class: str) -> str:
        """Return why a device of these is not for this CA to vouch for; empty: it may."""
        if self.ouis and oui.upper() not in self.ouis:
            return f"its CA vouches for OUI {', '.join(self.ouis)} alone"
        if self.domains and not any(name == each or name.endswith(f".{each}") for each in self.domains):
            return f"its CA vouches for names under {', '.join(self.domains)} alone"
        if self.product_classes and product_class not in self.product_classes:
            return f"its CA vouches for ProductClass {', '.join(self.product_classes)} alone"
        return ""

    def __str__(self) -> str:
        parts = [("OUI", self.ouis), ("domain", self.domains), ("ProductClass", self.product_classes)]
        text = "; ".join(f"{name} {', '.join(each)}" for name, each in parts if each) or "everything"
        return f"fail-safe images of {text}" if self.fail_safe else text


def scope_path(pem: Path) -> Path:
    """Return where the scope of the CA in ``pem`` lies."""
    return pem.with_name(f"{pem.stem}.scope.json")


def read_scope(pem: Path) -> Scope:
    """Return the scope beside a PEM file. Raises ``AcsError`` with the remedy where there is none."""
    path = scope_path(pem)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Scope)
    except FileNotFoundError:
        raise AcsError(
            f"the CA {pem} has no scope and is not trusted; run: acs trust scope {pem} --oui … or --domain …"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise AcsError(f"can't read the scope {path}: {error}") from error


def write_scope(pem: Path, scope: Scope) -> None:
    """Write the scope of a CA beside its PEM file, whole or not at all."""
    write_private(scope_path(pem), msgspec.json.format(msgspec.json.encode(scope)) + b"\n")
