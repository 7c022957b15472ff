"""A real XMPP server, prosody, started on a free port by whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from acs.security import Authority
from tests.waiting import until_in_thread

DOMAIN = "localhost"
_CONFIG = """
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ info = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_require_encryption = true
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping" }}
modules_disabled = {{ "s2s", "offline" }}
authentication = "internal_hashed"
ssl = {{ key = "{folder}/key.pem", certificate = "{folder}/cert.pem" }}
VirtualHost "{domain}"
"""


@dataclass(frozen=True)
class Prosody:
    """A running server; ``add`` makes accounts."""

    folder: Path
    port: int
    pid: list[int] = field(default_factory=list)

    def pause(self) -> None:
        """Let it do nothing, with its connections open."""
        os.kill(self.pid[0], signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid[0], signal.SIGCONT)

    @property
    def ca(self) -> Path:
        """The CA of its certificate."""
        return self.folder / "pki" / "ca.pem"

    def add(self, name: str, password: str) -> str:
        """Make an account; return its Jabber ID."""
        config = str(self.folder / "prosody.cfg.lua")
        command = ["prosodyctl", "--root", "--config", config, "register", name, DOMAIN, password]
        if os.getuid():
            command.remove("--root")
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        return f"{name}@{DOMAIN}"


def missing() -> str:
    """Return what keeps the server from being started; empty: nothing."""
    absent = [name for name in ("prosody", "prosodyctl") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not installed (Debian: apt-get install prosody)" if absent else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def prosody(folder: Path) -> Iterator[Prosody]:
    """Run a server in ``folder``."""
    made = Prosody(folder, _free_port())
    issued = Authority.load_or_create(folder / "pki", "tests' XMPP CA").issue_server([DOMAIN])
    (folder / "key.pem").write_bytes(issued.key)
    (folder / "cert.pem").write_bytes(issued.certificate)
    config = folder / "prosody.cfg.lua"
    config.write_text(_CONFIG.format(folder=folder, port=made.port, domain=DOMAIN))
    (folder / "data").mkdir()
    with (folder / "out").open("wb") as out:
        command = ["prosody", "-F", "--config", str(config)]
        if os.getuid() == 0:
            command.insert(1, "--root")
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            _wait(made.port, process, folder)
            made.pid.append(process.pid)
            yield made
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    def listens() -> bool:
        assert process.poll() is None, f"prosody ended: {(folder / 'out').read_text()}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    until_in_thread(listens)
