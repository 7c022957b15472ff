"""Sessions of a device as the transactions that they are, with no listener between."""

from __future__ import annotations

from acs import devices as dev
from acs.cwmp import Envelope
from acs.cwmp import messages as m
from acs.remediation import Environment, load_policy
from acs.settings import Settings
from acs.southbound import transactions as tx
from acs.southbound.authentication import Proof
from acs.store import Store

__all__ = ["ENV", "arrive", "post"]

ENV = Environment(load_policy(None), lambda device, name, now: "https://acs/")


async def arrive(store: Store, said: m.Inform) -> tx.Opened:
    """Open a session with an Inform of a device that shows its certificate."""
    who, settings = said.device_id, Settings()
    return await store.write(
        tx.open_session,
        said,
        Proof(names=(dev.certificate_name(who.oui, who.serial_number, settings.realm),)),
        namespace=m.CWMP_1_2,
        settings=settings,
        env=ENV,
        now=store.clock(),
    )


async def post(store: Store, opened: tx.Opened, message: m.Message | None, id_: str = "") -> tx.Reply:
    """Go on with a session: a message under ``id_``, None: an empty POST."""
    received = None if message is None else Envelope(message, m.Header(id=id_), m.CWMP_1_2)
    return await store.write(
        tx.continue_session,
        opened.device.id,
        opened.epoch,
        received,
        namespace=m.CWMP_1_2,
        env=ENV,
        now=store.clock(),
    )
