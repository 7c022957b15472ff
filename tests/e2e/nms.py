"""The stand-in NMS of examples/nms, as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from acs import northbound as nb
from acs.node import Node
from acs.security import Authority

__all__ = ["FRAUD", "Nms", "running_nms"]

NMS = Path(__file__).parents[2] / "examples/nms/nms.py"
FRAUD = NMS.with_name("fraud.py")


class Nms:
    """The program of examples/nms, and what it kept."""

    def __init__(self, node: Node, folder: Path, *, token: str) -> None:
        self.node, self.folder, self.token = node, folder, token
        folder.mkdir()
        (folder / "token").write_text(token)
        authority = Authority.load_or_create(folder, "NMS CA")
        issued = authority.issue_server(["localhost"])
        (folder / "nms.pem").write_bytes(issued.certificate)
        (folder / "nms.key").write_bytes(issued.key)
        self.process: asyncio.subprocess.Process

    def _acs(self) -> list[str]:
        ca = self.node.settings.data / "pki/server/ca.pem"
        url = f"https://localhost:{self.node.northbound_port}"
        return ["--acs", url, "--acs-ca", str(ca), "--token-file", str(self.folder / "token")]

    async def start(self, *program: str) -> None:
        files = {"--certificate": "nms.pem", "--key": "nms.key", "--ca": "ca.pem", "--keep": "kept"}
        options = [text for name, file in files.items() for text in (name, str(self.folder / file))]
        program = program or (str(NMS), "serve")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *program, *self._acs(), *options, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line.startswith(b"listening"), line
        self._reader = asyncio.create_task(self.process.stdout.read())

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        await self._reader

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(str(NMS), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def instruct(self, case: int, action: str, why: str) -> tuple[int, str, str]:
        told = ["--case", str(case), "--action", action, "--why", why]
        return await self.command("instruct", *self._acs(), *told)

    def kept(self) -> list[dict]:
        path = self.folder / "kept/notifications.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line)["notification"] for line in text.splitlines() if line.endswith("}")]


@asynccontextmanager
async def running_nms(node: Node, folder: Path, scopes: Sequence[str]) -> AsyncIterator[Nms]:
    """Run the NMS with a token for ``node``; what it keeps is in ``folder``."""

    def token(conn, now):
        return nb.create_token(conn, "nms", list(scopes), expires_at=now + 1000, who="test", now=now)[1]

    nms = Nms(node, folder, token=await node.store.write(token, node.store.clock()))
    await nms.start()
    try:
        yield nms
    finally:
        await nms.kill()
