"""A fleet that raises alarms all at once: as little of a HeNB as it takes to be remediated.

A process of its own: ``python -m acs.simulator.storm OPTIONS``. It says ``{"port": …}`` when it can be
called, waits for a line, has every device raise its alarm within so many seconds, does what the ACS asks for,
and when its input ends it says what it saw. Only RPCs that a remediation by reboot needs are known.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.errors import AcsError

__all__ = ["OUI", "PARAMETER", "VERSION", "username"]

OUI = "0005B9"
VERSION = "1.0.0"
PARAMETER = "Device.DeviceInfo.ProvisioningCode"
"""What is declared for the devices, and what they refuse to tell until they are rebooted."""
_ROW = "Device.FaultMgmt.ExpeditedEvent."
_BACKOFF = 5.0  # seconds, at least, after which a session that broke off is tried again (TR-069 3.2.1.1)
_MULTIPLIER = 2.0  # of that wait, for each try after it
_SESSION = 60.0


def username(number: int) -> str:
    """Return the user name of a device, which is its key too."""
    return f"{OUI}-STORM{number:05d}"


@dataclass(slots=True)
class Fleet:
    """The devices of a process, and what they saw."""

    port: int
    tls: ssl.SSLContext
    password: str
    reboot_seconds: float
    kept: bool
    raised: dict[int, float] = field(default_factory=dict)
    acknowledged: dict[str, set[str]] = field(
        default_factory=lambda: {"NewAlarm": set(), "ClearedAlarm": set()}
    )
    seen: Counter[str] = field(default_factory=Counter)
    rebooting: int = 0
    most_rebooting: int = 0


@dataclass(slots=True, eq=False)
class Device:
    """One device: ``events`` and ``values`` are told in the next session."""

    number: int
    fleet: Fleet
    events: list[m.Event] = field(default_factory=list)
    values: list[m.ParameterValue] = field(default_factory=list)
    healthy: bool = False
    rows: int = 0
    retries: int = 0
    reboot_key: str | None = None
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    def call(self) -> None:
        """Have it open a session: it was called."""
        event = m.Event("6 CONNECTION REQUEST")
        if event not in self.events:
            self.events.append(event)
        self.called.set()
        self.wanted.set()

    def alarm(self, kind: str) -> None:
        """Have it tell of its alarm."""
        self.rows += 1
        row = {
            "EventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "AlarmIdentifier": f"STORM-{self.number}",
            "NotificationType": kind,
            "ManagedObjectInstance": "Device.Services.FAPService.1",
            "EventType": "Integrity Violation",
            "ProbableCause": "Information Modification Detected",
            "SpecificProblem": "CONFIG_MODIFIED",
            "PerceivedSeverity": "Major" if kind == "NewAlarm" else "Cleared",
            "AdditionalText": "storm",
            "AdditionalInformation": "",
        }
        self.values += [m.ParameterValue(f"{_ROW}{self.rows}.{name}", text) for name, text in row.items()]
        self.events.append(m.Event("4 VALUE CHANGE"))
        self.wanted.set()

    async def live(self) -> None:
        """Hold a session whenever there is a reason, until cancelled."""
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            self.called.clear()
            told = list(self.events), list(self.values)
            try:
                async with asyncio.timeout(_SESSION):
                    await self._session(*told)
            except (OSError, EOFError, TimeoutError, AcsError, ValueError) as error:
                if not isinstance(error, AcsError):
                    self.close()
                self.fleet.seen[f"session failed: {type(error).__name__} {error}"[:80]] += 1
                self.retries += 1
                least = _BACKOFF * _MULTIPLIER ** (min(self.retries, 10) - 1)
                with suppress(TimeoutError):  # who is called waits no longer
                    async with asyncio.timeout(least * (1 + self.number % 100 / 100)):
                        await self.called.wait()
                self.wanted.set()
                continue
            self.retries = 0
            self.fleet.seen["sessions"] += 1
            if not self.fleet.kept:
                self.close()
            if self.reboot_key is not None:
                await self._reboot(self.reboot_key)

    async def _reboot(self, key: str) -> None:
        fleet, self.reboot_key = self.fleet, None
        self.close()
        fleet.rebooting += 1
        fleet.seen["reboots"] += 1
        fleet.most_rebooting = max(fleet.most_rebooting, fleet.rebooting)
        await asyncio.sleep(fleet.reboot_seconds)
        fleet.rebooting -= 1
        self.booted(key)

    def booted(self, key: str) -> None:
        """Be healthy again, and tell of the boot and that the alarm is over."""
        self.healthy, self.rows, self.events, self.values = True, 0, [], []
        self.events += [m.Event("1 BOOT"), m.Event("M Reboot", key)]
        self.alarm("ClearedAlarm")

    # --- a session ----------------------------------------------------------------------------

    async def _session(self, events: list[m.Event], values: list[m.ParameterValue]) -> None:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.fleet.port, ssl=self.fleet.tls, server_hostname="localhost"
            )
        inform = encode(self.inform(events, values), namespace=m.CWMP_1_2, header=m.Header(id="1"))
        body, cookie = await self._post(inform, "")
        answer = decode(body).message
        if not isinstance(answer, m.InformResponse):
            raise AcsError(f"the Inform was answered by {m.method_name(answer)}")
        for each in values:
            if each.name.endswith(".NotificationType"):
                self.fleet.acknowledged[each.value].add(username(self.number))
        self.events = [each for each in self.events if each not in events]
        self.values = [each for each in self.values if each not in values]
        body, _ = await self._post(b"", cookie)
        while body:
            envelope = decode(body)
            header = m.Header(id=envelope.header.id)
            reply = encode(self.answer(envelope.message), namespace=m.CWMP_1_2, header=header)
            body, _ = await self._post(reply, cookie)

    def inform(self, events: list[m.Event], values: list[m.ParameterValue]) -> m.Inform:
        """Return the Inform that tells these."""
        names = {
            "Device.RootDataModelVersion": "2.17",
            "Device.DeviceInfo.HardwareVersion": "A1",
            "Device.DeviceInfo.SoftwareVersion": VERSION,
            "Device.DeviceInfo.ProvisioningCode": "",
            "Device.ManagementServer.ParameterKey": "",
            "Device.ManagementServer.ConnectionRequestURL": calling_url(self.fleet.seen["port"], self.number),
        }
        told = tuple(m.ParameterValue(name, value) for name, value in names.items())
        identity = m.DeviceId("ACME", OUI, "HeNB-LTE", username(self.number).partition("-")[2])
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return m.Inform(
            identity, tuple(events) or (m.Event("2 PERIODIC"),), 1, at, self.retries, (*told, *values)
        )

    def answer(self, message: m.Message) -> m.Message:
        """Return the answer to a request."""
        self.fleet.seen[m.method_name(message)] += 1
        match message:
            case m.Reboot(key):
                self.reboot_key = key
                return m.RebootResponse()
            case m.GetParameterValues(names) if not self.healthy:
                return m.Fault(9001, "Request denied") if names else m.Fault(9005, "Invalid parameter name")
            case m.GetParameterValues((name,)) if name == PARAMETER:
                return m.GetParameterValuesResponse((m.ParameterValue(PARAMETER, "storm"),))
            case m.GetParameterValues():
                return m.Fault(9005, "Invalid parameter name")
            case m.SetParameterValues():
                return m.Fault(9005, "Invalid parameter name")
            case _:
                return m.Fault(9000, "Method not supported")

    async def _post(self, body: bytes, cookie: str) -> tuple[bytes, str]:
        assert self.reader is not None
        assert self.writer is not None
        head = f"POST /acs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        if cookie:
            head += f"Cookie: {cookie}\r\n"
        else:
            word = base64.b64encode(f"{username(self.number)}:{self.fleet.password}".encode()).decode()
            head += f"Authorization: Basic {word}\r\n"
        head += 'Content-Type: text/xml; charset="utf-8"\r\n' if body else ""
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(answer[9:12])
        fields = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in answer.split("\r\n")[1:])
        }
        content = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection", "").lower() == "close":
            self.close()
        if status not in (200, 204):
            raise AcsError(f"HTTP {status}")
        return content, fields.get("set-cookie", "").partition(";")[0]

    def close(self) -> None:
        """Drop the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def calling_url(port: int, number: int) -> str:
    """Return the ConnectionRequestURL of a device."""
    return f"http://127.0.0.1:{port}/{number}"


async def _called(devices: list[Device], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection request."""
    try:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            devices[int(head.split(b" ", 2)[1][1:])].call()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
    except (OSError, EOFError, TimeoutError, ValueError, IndexError):
        pass
    finally:
        writer.close()


async def _run(options: dict[str, Any]) -> dict[str, Any]:
    tls = ssl.create_default_context(cafile=options["ca"])
    fleet = Fleet(options["port"], tls, options["password"], options["reboot_seconds"], options["kept"])
    devices = [Device(number, fleet) for number in range(options["devices"])]
    server = await asyncio.start_server(
        lambda reader, writer: _called(devices, reader, writer), "127.0.0.1", 0, backlog=4096
    )
    fleet.seen["port"] = server.sockets[0].getsockname()[1]
    _say({"port": fleet.seen["port"]})
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await lines.readline()
    tasks = [asyncio.create_task(each.live()) for each in devices]
    started = time.time()
    for each in devices:
        due = started + each.number * options["seconds"] / len(devices)
        if (wait := due - time.time()) > 0:
            await asyncio.sleep(wait)
        fleet.raised[each.number] = time.time()
        each.alarm("NewAlarm")
    await lines.read()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    del fleet.seen["port"]
    return {
        "acknowledged": {kind: sorted(keys) for kind, keys in fleet.acknowledged.items()},
        "raised": {username(number): at for number, at in fleet.raised.items()},
        "seen": fleet.seen,
        "most_rebooting": fleet.most_rebooting,
    }


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    _say(asyncio.run(_run(json.loads(sys.argv[1]))))


if __name__ == "__main__":
    _main()
