r"""A stand-in for a network management and fraud-detection system behind Type 2. Only aiohttp is needed.

    python nms.py serve --keep nms-data --acs https://localhost:7550 --acs-ca ca.pem --token-file token \
        --certificate nms.pem --key nms.key --ca nms-ca.pem
    python nms.py instruct --acs … --acs-ca … --token-file … --case 3 --action RELEASE --why "repaired"
    python nms.py suspects --keep nms-data

``serve`` subscribes once, keeps the subscription in the folder, and goes on with it when it is started again.
Each notification is on the disk before it is answered; one that comes a second time is recognised by its
webhook-id.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import hmac
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

WINDOW = 300  # seconds by which the clocks may differ


class Keeper:
    """Notifications, one a line, in the order of their coming, each once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "notifications.jsonl"
        self.known: set[str] = set()
        whole = 0
        if self.path.exists():
            for line in self.path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break  # the end was cut off when the program was killed; it was not acknowledged
                self.known.add(json.loads(line)["id"])
                whole += len(line)
            os.truncate(self.path, whole)
        self.file = self.path.open("ab")

    def keep(self, message_id: str, notification: dict[str, Any]) -> bool:
        """Write a notification to the disk; False when it is there already."""
        if message_id in self.known:
            return False
        self.file.write(json.dumps({"id": message_id, "notification": notification}).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.known.add(message_id)
        return True


def genuine(secret: str, headers: Any, body: bytes, now: float) -> bool:
    """Tell whether the ACS signed this (Standard Webhooks), and not long ago."""
    message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(now - int(at)) > WINDOW:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, "sha256")
    right = "v1," + base64.b64encode(digest).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(right.encode(), each.encode()) for each in given)


class RefusedError(Exception):
    """The ACS said no."""


def show(told: dict[str, Any]) -> None:
    """Print a notification."""
    what = told.get("probableCause") or told.get("commentText", "")
    print(told["notificationType"], told.get("alarmId", ""), what, flush=True)


class Manager:
    """The HTTPS server that is told; each notification is handed to ``heard`` once, when it is kept."""

    def __init__(self, keeper: Keeper, heard: Callable[[dict[str, Any]], None], secret: str = "") -> None:
        self.keeper, self.heard, self.secret = keeper, heard, secret

    async def notify(self, request: web.Request) -> web.Response:
        """Take one notification."""
        if not self.secret:
            raise web.HTTPServiceUnavailable(text="not subscribed yet")
        body = await request.read()
        if not genuine(self.secret, request.headers, body, time.time()):
            raise web.HTTPUnauthorized(text="the signature is wrong")
        told = json.loads(body)
        if self.keeper.keep(request.headers["webhook-id"], told):
            self.heard(told)
        return web.Response(status=204)


async def ask(options: argparse.Namespace, method: str, path: str, body: Any = None) -> Any:
    """Use the ACS's northbound interface. Raises ``RefusedError`` with what it said."""
    tls = ssl.create_default_context(cafile=options.acs_ca)
    token = options.token_file.read_text().strip()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http,
        http.request(
            method, options.acs + path, json=body, headers={"Authorization": f"Bearer {token}"}
        ) as answer,
    ):
        told = await answer.json(content_type=None)
        if answer.status >= 300:
            raise RefusedError(
                f"the ACS answered {answer.status}: {told.get('detail')} {told.get('remedy', '')}"
            )
        return told


async def serve(options: argparse.Namespace, heard: Callable[[dict[str, Any]], None] = show) -> None:
    """Listen, subscribe if that was not done before, and keep what comes."""
    state_path = options.keep / "subscription.json"
    keeper = Keeper(options.keep)
    state = json.loads(state_path.read_text()) if state_path.exists() else {}
    manager = Manager(keeper, heard, state.get("secret", ""))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(options.certificate, options.key)
    app = web.Application()
    app.router.add_post("/notify", manager.notify)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, options.host, state.get("port", options.port), ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    if not state:
        wanted = {
            "consumerReference": f"https://{options.name}:{port}/notify",
            "ca": options.ca.read_text(),
            "filter": {"notification_types": options.type or []},
        }
        made = await ask(options, "POST", "/v1/subscriptions", wanted)
        state = {"port": port, "secret": made["secret"], "id": made["subscription"]["id"]}
        descriptor = os.open(state_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(state, file)
        manager.secret = state["secret"]
    print(f"listening, subscription {state['id']}, port {port}", flush=True)
    await asyncio.Event().wait()


async def instruct(options: argparse.Namespace) -> None:
    """Tell a case that waits what to do."""
    body = {"action": options.action, "why": options.why}
    print(json.dumps(await ask(options, "POST", f"/v1/cases/{options.case}/instruct", body)))


def kept(folder: Path) -> Iterator[dict[str, Any]]:
    """Return the notifications that a ``Keeper`` has in a folder."""
    path = folder / "notifications.jsonl"
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if line.endswith(b"\n"):  # else its end is being written, or never was
            yield json.loads(line)["notification"]


async def suspects(options: argparse.Namespace) -> None:
    """Count the security alarms of each device, most first: what fraud detection begins with."""
    count: collections.Counter[str] = collections.Counter()
    for told in kept(options.keep):
        if told["notificationType"] == "notifyNewAlarm" and "securityAlarmDetector" in told:
            count[told["serviceProvider"]] += 1
    for device, alarms in count.most_common():
        print(alarms, device)


def options_of_the_acs() -> argparse.ArgumentParser:
    """Return what says where the ACS is."""
    acs = argparse.ArgumentParser(add_help=False)
    acs.add_argument("--acs", required=True, help="URL of the northbound interface")
    acs.add_argument("--acs-ca", required=True, type=Path)
    acs.add_argument("--token-file", required=True, type=Path)
    return acs


def options_of_a_manager() -> argparse.ArgumentParser:
    """Return what says how this program is told."""
    told = argparse.ArgumentParser(add_help=False)
    told.add_argument("--keep", required=True, type=Path, help="folder of what came")
    told.add_argument("--name", default="localhost", help="how the ACS reaches this program")
    told.add_argument("--host", default="127.0.0.1")
    told.add_argument("--port", type=int, default=0)
    told.add_argument("--certificate", required=True, type=Path)
    told.add_argument("--key", required=True, type=Path)
    told.add_argument("--ca", required=True, type=Path, help="the CA of that certificate")
    told.add_argument("--type", action="append", help="only these notification types")
    return told


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    acs = options_of_the_acs()
    one = commands.add_parser("serve", parents=[acs, options_of_a_manager()])
    one.set_defaults(run=serve)
    two = commands.add_parser("instruct", parents=[acs])
    two.add_argument("--case", type=int, required=True)
    two.add_argument("--action", required=True)
    two.add_argument("--why", required=True)
    two.set_defaults(run=instruct)
    three = commands.add_parser("suspects")
    three.add_argument("--keep", required=True, type=Path, help="folder of what came")
    three.set_defaults(run=suspects)
    options = parser.parse_args()
    try:
        asyncio.run(options.run(options))
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
