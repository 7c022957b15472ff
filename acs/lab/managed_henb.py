"""A HeNB and what goes between it and its HeMS: sessions, files and bulk data reports, without a socket.

Each message goes through the codec as bytes, and each POST is the transaction that the endpoint would run.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from acs import bulkdata as bd
from acs import devices as dev
from acs import distress as ds
from acs import files as fl
from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.lab.view import View
from acs.settings import Settings
from acs.simulator import PRODUCT_CLASS, HeNB, Pace
from acs.simulator.delivery import Delivery
from acs.simulator.firmware import ImageError, verify_image
from acs.simulator.transfer import Transfer
from acs.southbound import transactions as tx
from acs.southbound.authentication import Proof, Refused
from acs.southbound.roles import channel_for

__all__ = ["PACE", "VENDOR", "LostError", "ManagedHenb"]

PACE = Pace(boot=45, factory_reset=90, self_test=10, install=30, retry_scale=1.0)
VENDOR = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class LostError(Exception):
    """A message did not arrive."""


class ManagedHenb(View):
    """A HeNB of the simulator with its line to the HeMS.

    ``lose(where)`` decides what gets lost: "request" before the ACS, "answer" after its commit. What is in
    ``cut`` is cut: "standard" or of it only "call" or "session", a kind of distress channel, "trigger" for
    all of them, or that of a kind, "emergency".
    """

    settings: Settings
    lose: Callable[[str], bool]
    image: bytes
    """The release that downloads bring, as a vendor signs it."""
    uploads: dict[str, bytes]
    """What devices sent, by the URL they sent it to."""
    served: dict[str, bytes]
    """Files by their URL; any other URL brings ``image``."""
    nodes: dict[str, frozenset[str]]
    """The roles of HeMSs that share this store, by their URL; "emergency": of the emergency one."""

    def __init__(self, serial: str, chance: random.Random, **henb: Any) -> None:
        identity = m.DeviceId("ACME", "0005B9", PRODUCT_CLASS, serial)
        self.henb = HeNB(identity, "1.0.0", PACE, "http://192.0.2.1/cr", chance, **henb)
        self._serial = serial
        self.key = dev.device_key("0005B9", serial)
        self.sessions = 0
        self.refused: list[str] = []
        self.reachable = True
        self.address = ""  # that the HeMS sees sessions come from; empty: it does not tell
        self.cut: set[str] = set()
        self.channel = ds.STANDARD
        self.channels: list[str] = []
        """The paths of the sessions so far: standard, or a kind of distress channel."""
        self.triggers: list[tuple[str, bytes]] = []

    def act(self) -> bool:
        """Do one thing that the HeNB has to do now; False when there is none."""
        self.henb.tick(self.now)
        transfer = self.henb.transfer_due(self.now)
        delivery = self.henb.delivery_due(self.now)
        if self.henb.wants_session(self.now) and self.reachable:
            self.session()
        elif transfer is not None:
            self._transfer(transfer)
        elif delivery is not None:
            self.henb.delivered(delivery, self.now, stored=self.collect(delivery))
        else:
            return False
        return True

    # --- files and reports --------------------------------------------------------------

    def _transfer(self, transfer: Transfer) -> None:
        """Move a file in no time; what a device sends is kept in ``uploads`` by its URL."""
        if not transfer.is_download:
            content = self.uploads[transfer.url] = self.henb.upload_content(transfer, self.now)
            code, text = self._take_in(transfer, content)
            self.henb.uploaded(transfer, code, text, self.now)
        elif transfer.url in self.served:
            content = self.served[transfer.url]
            self.henb.downloaded(transfer, "", 0, "", self.now, content=content)
        else:
            version, code, text = "", 0, ""
            try:
                version = verify_image(self.image, PRODUCT_CLASS, VENDOR.public_key())
            except ImageError as error:
                code, text = error.fault_code, str(error)
            self.henb.downloaded(transfer, version, code, text, self.now)

    def _take_in(self, transfer: Transfer, content: bytes) -> tuple[int, str]:
        """Enter what the device sends, as the file server does; return the device's fault, 0 for none."""
        owner = self.device.id
        grant = fl.UploadGrant(
            owner, transfer.file_type, transfer.command_key, self.now + 600, key=transfer.url
        )
        room = fl.UploadLimits(size=2**20, device_quota=2**24, total_quota=2**30)
        stored = fl.Stored(hashlib.sha256(content).hexdigest(), len(content))
        try:
            with self.conn.begin():
                claim = fl.claim_upload(
                    self.conn,
                    grant,
                    limits=room,
                    declared=len(content),
                    name="",
                    media_type="",
                    address="192.0.2.1",
                    now=self.now,
                )
                fl.complete_upload(self.conn, claim, stored, now=self.now)
        except fl.TransferRefused as refused:
            return 9011, str(refused)[:256]
        return 0, ""

    def collect(self, delivery: Delivery) -> bool:
        """Take a bulk data report; tell whether the device learns that it is stored."""
        if self.lose("request"):
            return False
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        body = bd.decompress(delivery.body, headers.get("content-encoding", ""), limit=10**6)
        source = delivery.url.partition("?")[0].rpartition("/")[2]
        device = self.device
        dialect = self.look(bd.dialect_of, device.id, source)
        batch = bd.parse_message(body, headers, now=self.now, dialect=dialect)
        assert not batch.repairs
        with self.conn.begin():
            bd.store_reports(self.conn, device.id, source, batch.reports, quota=bd.Quota(), now=self.now)
        return not self.lose("answer")

    # --- a session ----------------------------------------------------------------------

    def session(self) -> None:
        """Hold one session; what gets lost breaks it off."""
        self.sessions += 1
        path = self.henb.session_path()
        over = ds.STANDARD if path is None else path.kind
        self.channel = ds.STANDARD if path is None else ds.DISTRESS
        if self.henb.fail_safe:
            over = ds.EMERGENCY
        if over in self.cut or (over == ds.STANDARD and "session" in self.cut):
            self.henb.session_failed(self.now)
            return
        self.channels.append(over)
        try:
            self._talk()
        except LostError:
            self.henb.session_failed(self.now)
        except Refused as refused:
            self.refused.append(refused.reason)
            self.henb.session_failed(self.now)
        else:
            self.henb.session_ended(self.now)

    def _talk(self) -> None:
        henb = self.henb
        inform = henb.inform(self.now)
        opened = self._open(inform)
        henb.informed(inform)
        while (own := henb.next_request()) is not None:
            reply = self._post(opened, own)
            assert not isinstance(reply.message, m.Fault)
            henb.answered(own)
        reply = self._post(opened, None)
        while reply.message is not None:
            request = decode(
                encode(reply.message, namespace=m.CWMP_1_2, header=m.Header(id=reply.id))
            ).message
            reply = self._post(opened, henb.handle(request, self.now))

    def _open(self, inform: m.Inform) -> tx.Opened:
        if self.lose("request"):
            raise LostError
        envelope = decode(encode(inform, namespace=m.CWMP_1_2, header=m.Header(id="1")))
        assert isinstance(envelope.message, m.Inform)
        proof = self._proof()
        node = "emergency" if proof.fail_safe else self.henb.acs_url
        roles = self.nodes.get(node, self.env.roles)
        self.channel = channel_for(proof, self.channel, roles)
        with self.conn.begin():
            opened = tx.open_session(
                self.conn,
                envelope.message,
                proof,
                namespace=envelope.namespace,
                settings=self.settings,
                env=self.env,
                now=self.now,
                channel=self.channel,
            )
        if self.lose("answer"):
            raise LostError
        return opened

    def _proof(self) -> Proof:
        if self.henb.fail_safe:
            name = dev.fail_safe_name("0005B9", self._serial, self.settings.realm)
            return Proof(names=(name,), fail_safe=True)
        if self._known():
            return Proof(device_key=self.key, address=self.address)
        return Proof(names=(self._name(),), address=self.address)

    def _known(self) -> bool:
        return self.look(dev.find, self.key) is not None

    def _name(self) -> str:
        return dev.certificate_name("0005B9", self._serial, self.settings.realm)

    def _post(self, opened: tx.Opened, message: m.Message | None) -> tx.Reply:
        if self.lose("request"):
            raise LostError
        received = None
        if message is not None:
            received = decode(encode(message, namespace=m.CWMP_1_2, header=m.Header(id="1")))
        with self.conn.begin():
            reply = tx.continue_session(
                self.conn,
                opened.device.id,
                opened.epoch,
                received,
                namespace=m.CWMP_1_2,
                env=self.env,
                now=self.now,
                channel=self.channel,
            )
        if self.lose("answer"):
            raise LostError
        return reply
