"""A fleet of HeNBs in one process: who they are, how they are reached, how they connect."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
import ssl
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from time import time
from typing import Any, cast

from aiohttp import web

from acs.cwmp import messages as m
from acs.cwmp.stun import endpoint_text
from acs.devices import fail_safe_name
from acs.errors import AcsError
from acs.security import digest
from acs.simulator.attachment import Attachment, Gateway
from acs.simulator.connection import Access, Device, Statistics
from acs.simulator.distress_channels import Distress, DistressPath
from acs.simulator.henb import HeNB
from acs.simulator.lightweight import lightweight_notification
from acs.simulator.nat import Nat, UdpSide
from acs.simulator.network import Network
from acs.simulator.pace import LAB, Pace
from acs.simulator.vendor import OUI, PRODUCT_CLASS, Vendor

__all__ = ["Fleet"]

_REALM = "henb"
_CALLED_AT = "Device.ManagementServer.ConnectionRequestURL"


class TriggerListener(asyncio.DatagramProtocol):
    """Hands a device the datagrams that come over one of its distress channels; a CoAP one is answered."""

    def __init__(self, device: Device, kind: str) -> None:
        self._device, self._kind = device, kind
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go out by."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: Any) -> None:
        """Have the device look at it; as CoAP these four characters would be no request (RFC 7252 3)."""
        henb, answer = self._device.henb, b""
        if data.startswith(b"GET "):
            obeyed = henb.triggered(data, self._kind, time())
        else:
            obeyed, answer = henb.coap_triggered(data, self._kind, time())
        if answer and self._transport is not None:
            self._transport.sendto(answer, source)
        if obeyed:
            self._device.wake()


class Fleet:
    """HeNBs that share a vendor, an ACS and a connection-request listener.

    ``acs_url`` of scheme https needs ``server_ca``; over plain http each device needs a password. A device
    waits ``timeout`` seconds for an answer.
    """

    def __init__(
        self,
        vendor: Vendor,
        acs_url: str,
        *,
        server_ca: Path | None = None,
        realm: str = "femto.example",
        pace: Pace = LAB,
        open_sessions: int = 200,
        seed: int = 1,
        host: str = "127.0.0.1",
        timeout: float = 60,
    ) -> None:
        if acs_url.startswith("https:") and server_ca is None:
            raise AcsError("an https ACS needs the CA of its certificate; see --ca")
        self.vendor, self.acs_url = vendor, acs_url
        self._server_ca, self._realm, self._pace, self._host = server_ca, realm, pace, host
        self._timeout = timeout
        self._random = random.Random(seed)  # noqa: S311 - spreads retries, keeps no secret
        self._slots = asyncio.Semaphore(open_sessions)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._udp_tasks: list[asyncio.Task[None]] = []
        self._attached: dict[str, asyncio.Task[None]] = {}
        self.udp: dict[str, UdpSide] = {}
        self.nat = Nat()
        self._listening: list[asyncio.DatagramTransport] = []
        self._runner: web.AppRunner | None = None
        self._nonces = digest.Nonces(secrets.token_bytes(32))
        self._port = 0
        self.devices: dict[str, Device] = {}
        self.attachments: dict[str, Attachment] = {}
        self.statistics = Statistics()

    async def start(self) -> None:
        """Open the connection-request listener."""
        app = web.Application()
        app.router.add_get("/cr/{serial}", self._connection_request)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, 0, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]

    def add(self, serial_number: str, *, software_version: str = "1.0.0", password: str = "") -> Device:
        """Make a device that sleeps until ``power_on``; with ``password`` it uses Digest, no certificate."""
        identity = m.DeviceId("femto-acs", OUI, PRODUCT_CLASS, serial_number)
        henb = HeNB(
            identity,
            software_version,
            self._pace,
            f"http://{endpoint_text((self._host, self._port))}/cr/{serial_number}",
            random.Random(self._random.random()),  # noqa: S311 - as above
        )
        access = self._access(serial_number, password)
        vendor_key = self.vendor.image_key.public_key()
        device = Device(henb, access, vendor_key, self.statistics, self._slots, timeout=self._timeout)
        self.devices[serial_number] = device
        return device

    def _access(self, serial_number: str, password: str) -> Access:
        if password:
            tls = None
            if self._server_ca is not None:
                tls = ssl.create_default_context(cafile=self._server_ca)
            return Access(self.acs_url, tls, f"{OUI}-{serial_number}", password)
        if self._server_ca is None:
            raise AcsError(f"{self.acs_url} is no https URL: a device without a certificate needs a password")
        name = f"{serial_number}.{OUI}.henb.{self._realm}".lower()
        return Access(self.acs_url, self.vendor.client_context(name, self._server_ca))

    def protect(self, serial_number: str, url: str = "", *, server_ca: Path | None = None) -> Device:
        """Give a device a fail-safe image, with limited credentials for the emergency management system.

        That is at ``url``, or is the initial HeMS. ``server_ca`` vouches for it, where that is another CA.
        """
        device = self.devices[serial_number]
        trusted = server_ca or self._server_ca
        if trusted is None:
            raise AcsError("a fail-safe image has a certificate, which needs an https ACS")
        name = fail_safe_name(OUI, serial_number, self._realm)
        tls = self.vendor.client_context(name, trusted, authority=self.vendor.fail_safe_authority)
        device.emergency_access = Access(url or self.acs_url, tls)
        device.henb.emergency_available = True
        return device

    def listen_udp(self, serial_number: str) -> UdpSide:
        """Give a device a UDP port and a STUN client (TR-069 Annex G) before it is switched on."""
        device = self.devices[serial_number]
        side = UdpSide(device.henb, device.wake, host=self._host, seed=self._random.getrandbits(32))
        self.udp[serial_number] = side
        return side

    async def listen_for_triggers(self, serial_number: str, urls: dict[str, str], key: str) -> dict[str, int]:
        """Give a device distress channels, by kind, in order; return the UDP ports of their triggers.

        ``urls`` are where the HeMS listens for sessions over them, ``key`` signs the triggers.
        """
        device, ports = self.devices[serial_number], {}
        device.henb.distress = Distress(tuple(DistressPath(*each) for each in urls.items()), key)
        for kind in urls:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                partial(TriggerListener, device, kind), local_addr=(self._host, 0)
            )
            self._listening.append(transport)
            ports[kind] = int(transport.get_extra_info("sockname")[1])
            if device.network is not None:
                ports[kind] = await device.network.listen_for_triggers(kind, ports[kind])
        return ports

    async def separate_paths(self, serial_number: str) -> Network:
        """Lead each path of a device over a relay of its own; what is returned cuts them.

        Before the device is switched on, and before ``listen_for_triggers``.
        """
        device = self.devices[serial_number]
        device.network = Network(self._host)
        port = await device.network.listen_for_calls(self._port)
        device.henb.connection_request_url = f"http://{endpoint_text((self._host, port))}/cr/{serial_number}"
        device.henb.tree.add(_CALLED_AT, device.henb.connection_request_url)
        return device.network

    def attach(self, serial_number: str, segw: tuple[str, int], segw_ca: Path) -> Attachment:
        """Give a device its way into the network, before it is switched on: a tunnel to a SeGW, and S1."""
        device = self.devices[serial_number]
        name = f"{serial_number}.{OUI}.henb.{self._realm}".lower()
        gateway = Gateway(*segw, self.vendor.client_context(name, segw_ca))
        pace = self._pace.retry_scale
        attachment = Attachment(device.henb, gateway, retry=5 * pace, heartbeat=max(1.0, 30 * pace))
        self.attachments[serial_number] = attachment
        return attachment

    def put_behind_nat(self, serial_number: str) -> UdpSide:
        """Put a device behind the fleet's NAT before it is switched on: it is called by UDP or not at all."""
        device = self.devices[serial_number]
        side = UdpSide(device.henb, device.wake, nat=self.nat, seed=self._random.getrandbits(32))
        device.henb.connection_request_url = f"http://{side.client.local[0]}:7547/cr/{serial_number}"
        device.henb.tree.add(_CALLED_AT, device.henb.connection_request_url)
        self.udp[serial_number] = side
        return side

    @property
    def networks(self) -> dict[str, Network]:
        """The networks of the devices whose paths are separate."""
        return {serial: each.network for serial, each in self.devices.items() if each.network is not None}

    def notify(self, serial_number: str, names: Iterable[str], to: tuple[str, int]) -> None:
        """Have a device send a lightweight notification of these parameters (TR-069 Annex M)."""
        device = self.devices[serial_number]
        data = lightweight_notification(device, list(names), time(), host=to[0])
        if serial_number in self.udp:
            self.udp[serial_number].links[0].send(data, to)
            return
        with socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, to)

    def power_on(self, serial_numbers: Iterable[str] | None = None, *, first: bool = True) -> None:
        """Start devices (all of them by default); ``first``: they have never spoken to this ACS."""
        for serial in self.devices if serial_numbers is None else serial_numbers:
            device = self.devices[serial]
            device.henb.power_on(time(), first=first)
            if serial in self._tasks:
                device.wake()
                continue
            self._tasks[serial] = asyncio.create_task(device.run(), name=f"HeNB {serial}")
            if serial in self.attachments:
                work = self.attachments[serial].run()
                self._attached[serial] = asyncio.create_task(work, name=f"attachment of {serial}")
            if serial in self.udp:
                work = self.udp[serial].run()
                self._udp_tasks.append(asyncio.create_task(work, name=f"STUN of {serial}"))

    def failures(self) -> list[str]:
        """Return what went wrong in the simulator itself; there should be nothing."""
        done = {serial: task for serial, task in self._tasks.items() if task.done() and not task.cancelled()}
        return [f"{serial}: {task.exception()!r}" for serial, task in done.items()]

    def tamper(self, serial_number: str, name: str, *, until: str = "") -> None:
        """Tamper with a device."""
        device = self.devices[serial_number]
        device.henb.tamper(name, time(), until=until)
        device.wake()

    async def stop(self) -> None:
        """Switch everything off."""
        tasks = [*self._tasks.values(), *self._udp_tasks, *self._attached.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.nat.close()
        for network in self.networks.values():
            await network.stop()
        for transport in self._listening:
            transport.close()
        if self._runner is not None:
            with contextlib.suppress(OSError):
                await self._runner.cleanup()

    async def _connection_request(self, request: web.Request) -> web.Response:
        """Answer a connection request: Digest with the credentials that the ACS has set (TR-069 3.2.2)."""
        device = self.devices.get(request.match_info["serial"])
        if device is None or device.henb.state != "running":
            return web.Response(status=503)
        henb = device.henb
        given = digest.parse(request.headers.get("Authorization", ""))
        if given is None or given.fields is None or not self._genuine(henb, given, request.path):
            response = web.Response(status=401)
            for each in digest.challenge(_REALM, self._nonces.make(time())):
                response.headers.add("WWW-Authenticate", each)
            return response
        henb.connection_requested()
        device.wake()
        return web.Response(status=200)

    def _genuine(self, henb: HeNB, given: digest.Authorization, path: str) -> bool:
        password = henb.connection_request_password
        username = henb.tree.value("Device.ManagementServer.ConnectionRequestUsername")
        if not password or given.username != username or given.fields is None:
            return False
        if self._nonces.check(given.fields.get("nonce", ""), time()) != "fresh":
            return False
        return digest.verify_digest(given.fields, method="GET", realm=_REALM, password=password, path=path)
