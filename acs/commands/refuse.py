"""The rules of the data model at the one gate that every request passes: the queue.

Whoever wants a device to be set to something (an operator, a golden configuration, a playbook) hears why not
before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from acs import devices as dev
from acs.commands.check import check_request
from acs.cwmp import messages as m
from acs.errors import AcsError
from acs.store.tables import discovered, parameters

__all__ = ["RefusedRequest", "problems_of", "refuse_wrong", "told_types"]

_BATCH = 500  # names in one query


class RefusedRequest(AcsError):  # noqa: N818 - it is an answer more than an error
    """A request that the device's data model forbids; the text names parameter, value, rule and remedy."""


def problems_of(conn: Connection, device: dev.Device, message: m.Message, *, strict: bool) -> list[str]:
    """Return what is wrong with a request for ``device``, by its data model and what it told itself.

    A device that was blocked does not get to radiate before it is readmitted.
    Raises ``AcsError`` where the device's profile names a model that is not there.
    """
    if device.readmission and _radiates(message):
        return [
            "it was blocked and may not radiate before it was reset and tested; that begins when it comes"
        ]
    names: tuple[str, ...] = ()
    if isinstance(message, m.SetParameterValues):
        names = tuple(each.name for each in message.parameters)
    elif isinstance(message, m.AddObject | m.DeleteObject):
        names = (message.object_name,)
    aliases = [text for text in names if "[" in text]
    if aliases and not _knows_aliases(conn, device):
        why = "the device has not told that it finds instances by alias (AliasBasedAddressing)"
        return [f"{aliases[0]}: {why}; use instance numbers"]
    return check_request(
        message,
        model=dev.model_for(conn, device) if names else None,
        known_types=told_types(conn, device.id, names),
        known_access=_told_access(conn, device.id, names),
        namespace=device.cwmp_namespace,
        strict=strict,
    )


def _radiates(message: m.Message) -> bool:
    """Tell whether a request has a cell transmit (TR-196, AdminState)."""
    return isinstance(message, m.SetParameterValues) and any(
        each.name.endswith("AdminState") and each.value.strip().lower() in ("1", "true")
        for each in message.parameters
    )


def _knows_aliases(conn: Connection, device: dev.Device) -> bool:
    """Tell whether the device declared alias-based addressing, as it must in each Inform (TR-069 3.6.1)."""
    name = f"{device.root or 'Device.'}ManagementServer.AliasBasedAddressing"
    told = dev.parameters_of(conn, device.id, name).get(name)
    return told is not None and told.value.strip().lower() in ("1", "true")


def refuse_wrong(conn: Connection, device_id: int, message: m.Message) -> None:
    """Raise ``RefusedRequest`` for a write that the device's data model forbids; reads always pass."""
    if not isinstance(message, m.SetParameterValues | m.AddObject | m.DeleteObject):
        return
    problems = problems_of(conn, dev.get(conn, device_id), message, strict=False)
    if problems:
        raise RefusedRequest("; ".join(problems[:5]))


def told_types(conn: Connection, device_id: int, names: Sequence[str]) -> dict[str, str]:
    """Return the declared types of those of ``names`` that the device has told values of."""
    found: dict[str, str] = {}
    for start in range(0, len(names), _BATCH):
        query = select(parameters.c.name, parameters.c.type).where(
            parameters.c.device_id == device_id, parameters.c.name.in_(names[start : start + _BATCH])
        )
        found.update({row.name: row.type for row in conn.execute(query)})
    return found


def _told_access(conn: Connection, device_id: int, names: Sequence[str]) -> dict[str, bool]:
    """Return which of ``names`` can be written, as far as the device has been asked."""
    found: dict[str, bool] = {}
    for start in range(0, len(names), _BATCH):
        query = select(discovered.c.path, discovered.c.writable).where(
            discovered.c.device_id == device_id, discovered.c.path.in_(names[start : start + _BATCH])
        )
        found.update({row.path: row.writable for row in conn.execute(query)})
    return found
