"""The transfers of a simulated HeNB: what is fetched, what is sent, and what is told of it afterwards."""

from __future__ import annotations

from typing import Protocol

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.simulator.configuration import configuration_file, read_configuration
from acs.simulator.cpe import Cpe
from acs.simulator.demand import Executed, Fault
from acs.simulator.faultmgmt import date_time
from acs.simulator.firmware import Banks
from acs.simulator.pace import Pace
from acs.simulator.rpc_files import FIRMWARE
from acs.simulator.stages import Stages, Trigger
from acs.simulator.tamper import ActiveTamper
from acs.simulator.transfer import Transfer

__all__ = ["FileTransfers"]


class _Mover(Cpe, Protocol):
    """What moving files needs of a device beside what its RPCs need."""

    state: str
    pace: Pace
    banks: Banks
    tampers: list[ActiveTamper]
    stages: Stages
    executed: list[Executed]

    def add_event(self, event: m.Event) -> None:
        """Have an event told in the next Inform."""

    def take_fault(self, method: str, *, hang: bool = False) -> Fault | None:
        """Return a fault on demand that is to happen now."""

    def software_came(self, *, ok: bool) -> None: ...

    def _restart(self, events: list[m.Event], seconds: float, now: float) -> None: ...

    @property
    def fail_safe(self) -> bool: ...

    def fail_safe_downloaded(self, version: str, told: list[m.Event]) -> None: ...

    def _complete(self, transfer: Transfer, code: int, text: str, now: float) -> list[m.Event]: ...

    def _finished(self, transfer: Transfer, version: str, code: int, text: str, now: float) -> None: ...

    def _apply(self, content: bytes, now: float) -> tuple[int, str]: ...


class FileTransfers:
    """The part of a ``HeNB`` that moves files."""

    __slots__ = ()

    def transfer_due(self: _Mover, now: float) -> Transfer | None:
        """Return the next file to fetch or send; the shell then calls ``downloaded`` or ``uploaded``."""
        return self.transfers.due(now) if self.state == "running" else None

    def upload_content(self: _Mover, transfer: Transfer, now: float) -> bytes:
        """Return the file that an Upload is to send: the configuration, or the log of what was done."""
        if "Configuration" in transfer.file_type:
            return configuration_file(self.tree)
        lines = (f"{date_time(each.at)} {each.method} {each.command_key}" for each in self.executed)
        return "\n".join([*lines, f"{date_time(now)} Upload {transfer.command_key}", ""]).encode()

    def uploaded(self: _Mover, transfer: Transfer, code: int, text: str, now: float) -> None:
        """The file was sent: ``code`` 0, or a fault (TR-069 A.3.3.2)."""
        fault = self.take_fault("Upload")
        if fault is not None:
            code, text = fault.code, "a fault on demand"
        self.transfers.done(transfer)
        if not code:
            self.record("Upload", transfer.command_key, now)
        for event in self._complete(transfer, code, text, now):
            self.add_event(event)

    def _complete(self: _Mover, transfer: Transfer, code: int, text: str, now: float) -> list[m.Event]:
        """Have the end of a transfer told; return the events that tell of it."""
        at = date_time(now)
        done = m.TransferComplete(transfer.command_key, m.FaultStruct(code, text), at, at)
        self.outgoing.append(done)
        return [m.Event(ev.TRANSFER_COMPLETE), m.Event(f"M {transfer.method}", transfer.command_key)]

    def downloaded(
        self: _Mover,
        transfer: Transfer,
        version: str,
        code: int,
        text: str,
        now: float,
        *,
        content: bytes = b"",
    ) -> None:
        """The fetch ended: ``code`` 0 and the image's version, or a fault (TR-069 A.3.3.2).

        ``content`` is that of a configuration file, which is applied at once.
        """
        fault = self.take_fault("Download")
        defending = any(active.tamper.software and active.defends for active in self.tampers)
        if fault is not None:
            code, text = fault.code, "a fault on demand"
        elif not code and transfer.file_type != FIRMWARE:
            code, text = self._apply(content, now)
        elif not code and defending and not any(each.until == "never" for each in self.tampers):
            code, text = 9018, "the image was damaged as it was written"
        if code and self.transfers.again(transfer, now):
            return
        if code and transfer.windows:
            code, text = 9020, f"the time windows are over; the last fault was {code} {text}"[:256]
        self._finished(transfer, version, code, text, now)

    def _finished(self: _Mover, transfer: Transfer, version: str, code: int, text: str, now: float) -> None:
        """Tell of a download that is over, and boot the software that it brought."""
        self.transfers.done(transfer)
        told = self._complete(transfer, code, text, now)
        if not code:
            self.record(transfer.method, transfer.command_key, now)
        if code or transfer.file_type != FIRMWARE:
            if transfer.file_type == FIRMWARE:
                self.stages.on(Trigger.DOWNLOAD_FAILED)
                self.software_came(ok=False)
            for event in told:
                self.add_event(event)
            return
        if self.fail_safe:
            self.fail_safe_downloaded(version, told)
            return
        self.software_came(ok=True)
        self.stages.on(Trigger.INSTALLED)
        self.banks.install(version)
        self._restart([m.Event(ev.BOOT), *told], self.pace.install + self.pace.boot, now)

    def _apply(self: _Mover, content: bytes, now: float) -> tuple[int, str]:
        """Apply a configuration file; return a fault, or 0."""
        try:
            values = read_configuration(content, self.tree)
        except ValueError as error:
            return 9018, str(error)[:256]
        for name, value in values.items():
            self.tree.set(name, value)
        self.values_changed(list(values), now)
        return 0, ""
