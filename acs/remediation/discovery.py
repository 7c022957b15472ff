"""What an initial HeMS tells a HeNB: serving HeMS, security gateways, HeNB-GW or MMEs (TS 32.593 5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from acs import alarms as al
from acs import commands as cm
from acs import devices as dev
from acs.commands import Command
from acs.cwmp import messages as m
from acs.datamodel import profile_for
from acs.datamodel.canonical import place_of
from acs.devices import CheckIn, Device
from acs.remediation.environment import Environment
from acs.remediation.policy import Discovery

__all__ = ["addresses_of", "addresses_settled", "tell_addresses"]

PURPOSE = "redirection"
"""The purpose of the command that tells them."""
_SERVING = "ManagementServer.URL"
_GATEWAYS = ("segw.address", "segw.backup")
_PAUSE = 60.0  # seconds; a HeNB that was told and is back so soon would be led round in circles
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
    declared = dev.declared(conn, device).wanted
    for name in values:
        found = declared.value(name)
        values[name] = values[name] if found is None else found.value
    told = [each for each in cm.list_commands(conn, device_id=device.id, limit=20) if each.purpose == PURPOSE]
    if not values or any(each.state == "queued" for each in told):
        return
    if any(each.succeeded and now - (each.settled_at or now) < _PAUSE for each in told):
        where = env.policy.discovery.serving_hems
        detail = f"it was told {where} less than {_PAUSE:g} s ago, and is back; is that the serving HeMS?"
        dev.audit_seldom(conn, "discovery", "addresses not told again", device.device_key, detail, now=now)
        return
    key = f"d{device.id}-{check.epoch}"
    request = m.SetParameterValues(
        tuple(m.ParameterValue(name, value) for name, value in values.items()), key
    )
    cm.enqueue(conn, device.id, request, command_key=key, purpose=PURPOSE, priority=1, now=now)


def addresses_settled(conn: Connection, settled: Iterable[Command], *, env: Environment, now: float) -> None:
    """Tell the managers of a HeNB that would not take the addresses: it stays at the initial HeMS."""
    for command in settled:
        if command.purpose != PURPOSE or command.succeeded:
            continue
        device = dev.get(conn, command.device_id)
        body = {
            "device": device.device_key,
            "commentText": "the HeNB did not take the addresses of its serving HeMS and gateways",
            "because": f"fault {command.fault_code} {command.fault_string}"[:300],
            "systemDN": env.system_dn,
        }
        al.notify(conn, device, "notifyComments", body, now=now)
