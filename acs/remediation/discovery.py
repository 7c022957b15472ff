"""What an initial HeMS tells a HeNB: serving HeMS, security gateways, HeNB-GW or MMEs (TS 32.593 5.1)."""

from __future__ import annotations

from sqlalchemy import Connection

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.datamodel import profile_for
from acs.datamodel.canonical import place_of
from acs.devices import CheckIn, Device
from acs.remediation.environment import Environment
from acs.remediation.policy import Discovery

__all__ = ["addresses_of", "tell_addresses"]

PURPOSE = "redirection"
"""The purpose of the command that tells them."""
_SERVING = "ManagementServer.URL"
_GATEWAYS = ("segw.address", "segw.backup")
_MOST_S1 = 256  # characters of S1SigLinkServerList (TR-196)


def _filled(text: str, device: Device) -> str:
    return text.replace("{oui}", device.oui.lower()).replace("{serial}", device.serial_number)


def addresses_of(device: Device, discovery: Discovery) -> dict[str, str]:
    """Return path and value of what the policy has the initial HeMS tell this device.

    What the device's profile knows no place for is left out.
    """
    root, profile = device.root or "Device.", profile_for(device)
    servers = ",".join(_filled(each, device) for each in discovery.s1_servers)
    canonical = {
        **dict(zip(_GATEWAYS, (_filled(each, device) for each in discovery.security_gateways), strict=False)),
        **({"s1.mme": servers[:_MOST_S1]} if servers else {}),
    }
    found: dict[str, str] = {}
    for name, value in canonical.items():
        place = place_of(profile, name, root=root)
        if place is not None:
            found[place.path] = value
    if discovery.serving_hems:
        found[f"{root}{_SERVING}"] = _filled(discovery.serving_hems, device)  # the last: it leads away
    return found


def tell_addresses(conn: Connection, check: CheckIn, *, env: Environment, now: float) -> None:
    """Have a HeNB that booted told where it belongs; what is declared for it goes before the policy."""
    device = check.device
    if not check.boot:
        return
    values = addresses_of(device, env.policy.discovery)
    wanted = dev.declared(conn, device).wanted
    values = {name: _declared(wanted.value(name), value) for name, value in values.items()}
    waiting = cm.open_commands(conn, device.id) if device.has_open_commands else []
    if not values or any(each.purpose == PURPOSE and each.state == "queued" for each in waiting):
        return
    key = f"d{device.id}-{check.epoch}"
    request = m.SetParameterValues(
        tuple(m.ParameterValue(name, value) for name, value in values.items()), key
    )
    cm.enqueue(conn, device.id, request, command_key=key, purpose=PURPOSE, priority=1, now=now)


def _declared(declared: object, value: str) -> str:
    found = getattr(declared, "value", declared)
    return found if isinstance(found, str) else value
