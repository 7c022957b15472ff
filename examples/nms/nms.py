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


class Manager:
    """The HTTPS server that is told."""

    def __init__(self, keeper: Keeper, secret: str = "") -> None:
        self.keeper, self.secret = keeper, secret

    async def notify(self, request: web.Request) -> web.Response:
        """Take one notification."""
        if not self.secret:
            raise web.HTTPServiceUnavailable(text="not subscribed yet")
        body = await request.read()
        if not genuine(self.secret, request.headers, body, time.time()):
            raise web.HTTPUnauthorized(text="the signature is wrong")
        if self.keeper.keep(request.headers["webhook-id"], json.loads(body)):
            told = json.loads(body)
            what = told.get("probableCause") or told.get("commentText", "")
            print(told["notificationType"], told.get("alarmId", ""), what, flush=True)
        return web.Response(status=204)


async def ask(options: argparse.Namespace, method: str, path: str, body: Any = None) -> Any:
    """Use the ACS's northbound interface. Ends the program with what it said where that is an error."""
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
            sys.exit(f"the ACS answered {answer.status}: {told.get('detail')} {told.get('remedy', '')}")
        return told


async def serve(options: argparse.Namespace) -> None:
    """Listen, subscribe if that was not done before, and keep what comes."""
    state_path = options.keep / "subscription.json"
    keeper = Keeper(options.keep)
    state = json.loads(state_path.read_text()) if state_path.exists() else {}
    manager = Manager(keeper, state.get("secret", ""))
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


async def suspects(options: argparse.Namespace) -> None:
    """Count the security alarms of each device, most first: what fraud detection begins with."""
    count: collections.Counter[str] = collections.Counter()
    for line in (options.keep / "notifications.jsonl").read_text().splitlines():
        told = json.loads(line)["notification"]
        if told["notificationType"] == "notifyNewAlarm" and "securityAlarmDetector" in told:
            count[told["serviceProvider"]] += 1
    for device, alarms in count.most_common():
        print(alarms, device)


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    acs = argparse.ArgumentParser(add_help=False)
    acs.add_argument("--acs", required=True, help="URL of the northbound interface")
    acs.add_argument("--acs-ca", required=True, type=Path)
    acs.add_argument("--token-file", required=True, type=Path)
    keep = argparse.ArgumentParser(add_help=False)
    keep.add_argument("--keep", required=True, type=Path, help="folder of what came")
    one = commands.add_parser("serve", parents=[acs, keep])
    one.add_argument("--name", default="localhost", help="how the ACS reaches this program")
    one.add_argument("--host", default="127.0.0.1")
    one.add_argument("--port", type=int, default=0)
    one.add_argument("--certificate", required=True, type=Path)
    one.add_argument("--key", required=True, type=Path)
    one.add_argument("--ca", required=True, type=Path, help="the CA of that certificate")
    one.add_argument("--type", action="append", help="only these notification types")
    one.set_defaults(run=serve)
    two = commands.add_parser("instruct", parents=[acs])
    two.add_argument("--case", type=int, required=True)
    two.add_argument("--action", required=True)
    two.add_argument("--why", required=True)
    two.set_defaults(run=instruct)
    three = commands.add_parser("suspects", parents=[keep])
    three.set_defaults(run=suspects)
    options = parser.parse_args()
    asyncio.run(options.run(options))


if __name__ == "__main__":
    main()
