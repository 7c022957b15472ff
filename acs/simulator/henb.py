"""One HeNB as a state machine without I/O: boot, FaultMgmt, tampering, self test, what waits to be told.

A shell connects it to sockets and to a clock: it calls ``tick``, opens a session when ``wants_session``,
feeds requests to ``handle``, and moves the files that ``transfer_due`` names.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field

from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.simulator import rpc
from acs.simulator.bulkdata import FACTS as BULK_DATA_FACTS
from acs.simulator.bulkdata import BulkData
from acs.simulator.delivery import Delivery
from acs.simulator.demand import Executed, Fault
from acs.simulator.distress import HELD_BACK, DistressSide
from acs.simulator.distress_channels import Distress
from acs.simulator.emergency import ASK, DISCOVERY, Emergency, EmergencySide
from acs.simulator.faultmgmt import SUPPORTED_ALARMS, FaultManagement
from acs.simulator.files import FileTransfers
from acs.simulator.firmware import Banks
from acs.simulator.informing import INFO, SERVER, InformingSide
from acs.simulator.integrity import SELF_TEST, IntegritySide
from acs.simulator.module_changes import PENDING, ModuleChanges
from acs.simulator.modules import Modules
from acs.simulator.pace import REAL, Pace
from acs.simulator.perfmgmt import PerfMgmt
from acs.simulator.rpc_files import FIRMWARE
from acs.simulator.stages import Stage, Stages, Trigger
from acs.simulator.surroundings import Surroundings
from acs.simulator.tamper import ActiveTamper
from acs.simulator.traffic import Traffic
from acs.simulator.transfer import Transfers
from acs.simulator.tree import (
    FAULT_MANAGEMENT,
    ParameterTree,
    follow_admin_state,
    henb_template,
    radio_off,
)

__all__ = ["Executed", "Fault", "HeNB"]

HEARTBEAT = f"{SERVER}HeartbeatPolicy."
ENCLOSURE = "Device.Services.FAPService.1.FAPControl.EnclosureTamperingDetected"


@dataclass(slots=True)
class HeNB(FileTransfers, ModuleChanges, DistressSide, IntegritySide, EmergencySide, InformingSide):
    """A simulated HeNB. Times are seconds since the epoch; ``random`` only spreads retries."""

    device_id: m.DeviceId
    software_version: str = "1.0.0"
    pace: Pace = REAL
    connection_request_url: str = ""
    random: random.Random = field(default_factory=random.Random)
    fault_management_path: str = FAULT_MANAGEMENT
    cwmp_version: int = 4
    """The minor version of CWMP that it speaks, 0 to 4."""
    emergency_available: bool = False
    """Whether it has a fail-safe image, and so does ``begin_emergency`` rather than shut down (S1 L66)."""
    emergency: Emergency = field(default_factory=Emergency)
    distress: Distress = field(default_factory=Distress)
    surroundings: Surroundings = field(default_factory=Surroundings)
    tree: ParameterTree = field(init=False)
    faults: list[Fault] = field(default_factory=list)
    tampers: list[ActiveTamper] = field(default_factory=list)
    executed: list[Executed] = field(default_factory=list)
    events: list[m.Event] = field(default_factory=list)
    changed: dict[str, None] = field(default_factory=dict)
    attributes: dict[str, int] = field(default_factory=dict)
    outgoing: list[m.Message] = field(default_factory=list)
    access_lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: dict[str, m.OptionStruct] = field(default_factory=dict)
    transfers: Transfers = field(default_factory=Transfers)
    modules: Modules = field(init=False)
    state: str = "off"
    stages: Stages = field(default_factory=Stages)
    boots: int = 0
    retry_count: int = 0
    talking_to: str = ""
    """The ``acs_url`` of its last session."""
    connection_request_password: str = ""
    banks: Banks = field(init=False)
    bulk_data: BulkData = field(init=False)
    perf_mgmt: PerfMgmt = field(init=False)
    traffic: Traffic = field(init=False)
    booted_at: float = 0.0
    fault_management: FaultManagement = field(init=False)
    _due: list[tuple[float, str]] = field(default_factory=list)
    _after_session: list[str] = field(default_factory=list)
    _restart_events: list[m.Event] = field(default_factory=list)
    _retry_at: float = 0.0
    _retrying: bool = False
    _periodic_at: float | None = None
    _heartbeat_at: float | None = None

    def __post_init__(self) -> None:
        self.tree = ParameterTree(henb_template(SUPPORTED_ALARMS, self.fault_management_path))
        self.fault_management = FaultManagement(self.tree, self.fault_management_path)
        self.modules = Modules(self.tree)
        self.banks = Banks([self.software_version, self.software_version])
        self.bulk_data = BulkData(self.tree, self.random, retry_scale=self.pace.retry_scale)
        self.perf_mgmt = PerfMgmt(self.tree, retry_scale=self.pace.retry_scale)
        self.traffic = Traffic(self.tree, zlib.crc32(self.device_id.serial_number.encode()))
        self._reset_configuration()

    @property
    def stage(self) -> Stage:
        """Where it stands in the procedures of S1 5.7."""
        return self.stages.stage

    @property
    def acs_url(self) -> str:
        """The ACS that it was told, empty for the one it knows from the factory: the initial HeMS."""
        return self.tree.value(f"{SERVER}URL")

    @property
    def redirected(self) -> bool:
        """Whether it was told another ACS in this session."""
        return self.acs_url != self.talking_to

    # --- life ---------------------------------------------------------------------------

    def _reset_configuration(self) -> None:
        """Factory defaults: what is not of the device itself is forgotten, but not that it was opened."""
        opened = self.tree.value(ENCLOSURE)
        self.tree.reset()
        self.tree.set(ENCLOSURE, opened)
        self.attributes.clear()
        self.access_lists.clear()
        self.connection_request_password = ""
        facts = {
            "Device.RootDataModelVersion": "2.17",
            f"{INFO}Manufacturer": self.device_id.manufacturer,
            f"{INFO}ManufacturerOUI": self.device_id.oui,
            f"{INFO}ProductClass": self.device_id.product_class,
            f"{INFO}SerialNumber": self.device_id.serial_number,
            f"{INFO}HardwareVersion": "A1",
            f"{INFO}SoftwareVersion": self.banks.running,
            f"{SERVER}ConnectionRequestURL": self.connection_request_url,
            f"{SERVER}AliasBasedAddressing": "1",
            f"{SERVER}PeriodicInformEnable": "1",
            f"{SERVER}PeriodicInformInterval": "86400",
            f"{SELF_TEST}DiagnosticsState": "None",
            **BULK_DATA_FACTS,
        }
        for name, value in facts.items():
            self.tree.add(name, value)

    def power_on(self, now: float, *, first: bool = True) -> None:
        """Start the device; ``first``: it has never spoken to this ACS.

        One that is on has lost its power for a moment: what it was about to do at the end of a session is
        forgotten; one that was restarting still tells why (TR-069 3.7.1.5).
        """
        boot = self._restart_events if self.state == "restarting" else [m.Event(ev.BOOT)]
        self._after_session.clear()
        self._forget_tasks()
        self.stages.on(Trigger.POWER_ON)
        self.emergency.running = self.emergency.discovering = self.banks.fail_safe = False
        bootstrap = m.Event(ev.BOOTSTRAP)
        self._boot([bootstrap, *boot] if first and bootstrap not in boot else boot, now)

    def _boot(self, events: list[m.Event], now: float) -> None:
        self.state, self.boots = "running", self.boots + 1
        self.stages.on(Trigger.BOOTED)
        before = self.tree.value(f"{INFO}SoftwareVersion")
        self.tree.set(f"{INFO}SoftwareVersion", self.banks.running)
        self.surroundings.scan(self.tree)
        self.changed.clear()
        self.events = [each for each in self.events if each.code not in (ev.CONNECTION_REQUEST, ev.PERIODIC)]
        self.events = events + [each for each in self.events if each not in events]
        if before != self.banks.running:
            self._tell([f"{INFO}SoftwareVersion"])
        self.fault_management.boot()
        self._retry_at, self.retry_count, self._retrying = now, 0, False
        self.distress.over = None
        self._schedule_periodic(now)
        self._schedule_heartbeat(now)
        for active in self.tampers:
            active.alarm_identifier = ""
        self.booted_at = now
        self.traffic.boot(now)
        self.bulk_data.boot(now)
        self.perf_mgmt.boot(now)
        if not self.fail_safe:
            follow_admin_state(self.tree)
            self.check_integrity(now, booted=True)
        self.emergency_booted(now)

    def carry_to(self, surroundings: Surroundings) -> None:
        """Have somebody carry it to another place, where it scans anew."""
        self.surroundings = surroundings
        surroundings.scan(self.tree)

    def _restart(self, events: list[m.Event], seconds: float, now: float) -> None:
        self.state = "restarting"
        self._restart_events = events
        self._forget_tasks()
        self._due.append((now + seconds, "boot"))

    def _forget_tasks(self) -> None:
        """Forget a self test; what it was asked to do at a time outlives a restart."""
        self._due = [each for each in self._due if each[1].startswith(("inform ", PENDING))]

    def next_wake(self, now: float) -> float:
        """Return the seconds until ``tick`` or ``wants_session`` may have something new."""
        running = self.state == "running"
        moments = [at for at, what in self._due if running or not what.startswith(PENDING)]
        if running:
            moments += self.transfers.moments()
            if self._heartbeat_at is not None:
                moments.append(self._heartbeat_at)
            if (self.events or self._retrying) and self._retry_at > now:
                moments.append(self._retry_at)
            moments += self.distress_moments(now)
            if self._periodic_at is not None:
                moments.append(self._periodic_at)
            moments += [*self.bulk_data.next_wake(), *self.perf_mgmt.next_wake()]
        return max(0.0, min(moments, default=now + 3600) - now)

    def tick(self, now: float) -> None:
        """Do what is due."""
        for at, what in [each for each in self._due if each[0] <= now]:
            if what.startswith(PENDING) and self.state != "running":
                continue
            self._due.remove((at, what))
            self._do(what, now)
        if self.state == "running" and self._heartbeat_at is not None and self._heartbeat_at <= now:
            self.add_event(m.Event(ev.HEARTBEAT))
            self._schedule_heartbeat(now)
        if self.state == "running" and self._periodic_at is not None and self._periodic_at <= now:
            self.add_event(m.Event(ev.PERIODIC))
            self._schedule_periodic(now)
        if self.state == "running":
            self._measure(now)
            self.bulk_data.tick(now)
            self.perf_mgmt.tick(now)

    def _measure(self, now: float) -> None:
        """Bring parameters up to date that change by themselves."""
        self.traffic.advance(now)
        self.tree.set(f"{INFO}UpTime", str(int(now - self.booted_at)))

    def _do(self, what: str, now: float) -> None:
        word, _, key = what.partition(" ")
        match word:
            case "boot":
                self._boot(self._restart_events, now)
            case "self":
                self._finish_self_test()
            case "modules":
                self.change_modules(key, now)
            case _ if word == ASK:
                self.ask_for_software(now)
            case _ if word == DISCOVERY:
                self.emergency_failed("discovery and registration took too long")
            case _:
                self.add_event(m.Event(ev.SCHEDULED))
                self.add_event(m.Event("M ScheduleInform", key))

    def _schedule_heartbeat(self, now: float) -> None:
        """Tell the ACS that it is alive, as HeartbeatPolicy says (TR-069 Annex O)."""
        enabled = self.tree.value(f"{HEARTBEAT}Enable").lower() in ("1", "true")
        interval = int(self.tree.value(f"{HEARTBEAT}ReportingInterval"))
        self._heartbeat_at = now + interval if enabled else None

    def _schedule_periodic(self, now: float) -> None:
        enabled = self.tree.value(f"{SERVER}PeriodicInformEnable").lower() in ("1", "true")
        interval = int(self.tree.value(f"{SERVER}PeriodicInformInterval"))
        self._periodic_at = now + interval if enabled else None

    # --- sessions -----------------------------------------------------------------------

    def session_failed(self, now: float) -> None:
        """The session broke off: try again after a while, if only for the ACS's sake (TR-069 3.2.1.1)."""
        if self.events == [m.Event(ev.HEARTBEAT)] and not self._retrying:
            self.events = []  # one that is not heard is not repeated
            self._end_of_session(now)
            return
        self.retry_count += 1
        self._retrying = True
        step = 2 ** (min(self.retry_count, 10) - 1)
        wait = self.random.uniform(5 * step, 10 * step) * self.pace.retry_scale
        self._retry_at = now + wait
        self._end_of_session(now)
        if self.fail_safe or self.emergency.discovering:
            self.emergency_session(now, ok=False)
        elif self.state == "running":
            self.distress_failed(now)

    def session_ended(self, now: float) -> None:
        """The session is over: do what was put off until now."""
        self._retry_at, self._retrying, self.retry_count = now, False, 0
        if not self.fail_safe:
            self._reached(now)
        redirected = self.redirected
        self._end_of_session(now)
        if not self.fail_safe:
            self.second_path_ended(now)
        self.emergency_session(now, ok=True)
        if redirected and self.state == "running":
            self.add_event(m.Event(ev.BOOTSTRAP))  # another ACS (TR-069 3.7.1.5)

    def _reached(self, now: float) -> None:
        """Note what a session that went well says of where the device stands."""
        over = self.distress.over
        self.distress.worked(now + HELD_BACK * self.pace.retry_scale)
        if not self.redirected:
            self.stages.on(Trigger.REGISTERED)
        if over is not None:
            self.stages.on(Trigger.SECOND_PATH_WORKS)
        elif not self.stages.on(Trigger.STANDARD_WORKS):
            self.stages.on(Trigger.STILL_WRONG if self.tampers else Trigger.SETTLED)

    def _end_of_session(self, now: float) -> None:
        waiting, self._after_session = self._after_session, []
        for what in waiting:
            method, _, key = what.partition(" ")
            hang = self.take_fault(method, hang=True) is not None
            self.executed.append(Executed(method, key, now))
            self.stages.on(Trigger.REBOOT if method == "Reboot" else Trigger.FACTORY_RESET)
            if hang:
                self.state = "hung"
            elif method == "Reboot":
                self._reboot(key, now)
            else:
                self._factory_reset(now)
            return
        if self.fatal and not self.alarm_untold:
            self.shut_down(Trigger.FATAL_DELIVERED)  # it can't restore itself (S1 L45)

    def shut_down(self, trigger: Trigger = Trigger.SWITCHED_OFF) -> None:
        """Shut down because of ``trigger``; only a person switches it on again."""
        self.stages.on(trigger)
        self.state = "off"
        self._due = [each for each in self._due if each[1] not in ("boot", ASK, DISCOVERY)]
        radio_off(self.tree)

    def schedule_inform(self, seconds: float, key: str, now: float) -> None:
        """Open a session after a while (TR-069 A.4.1.3)."""
        self._due.append((now + seconds, f"inform {key}"))

    def record(self, method: str, key: str, now: float) -> None:
        """Remember that something was really done."""
        self.executed.append(Executed(method, key, now))

    def after_session(self, method: str, key: str) -> None:
        """Put Reboot or FactoryReset off until the session is over (TR-069 A.3.2.9)."""
        self._after_session.append(f"{method} {key}")

    def _reboot(self, key: str, now: float) -> None:
        for active in self.tampers:
            active.survives("reboot")
        events = [m.Event(ev.BOOT), m.Event("M Reboot", key)]
        self._restart(events, self.pace.boot, now)

    def _factory_reset(self, now: float) -> None:
        for active in self.tampers:
            active.survives("factory_reset")
        self._forget()
        self._restart([m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT)], self.pace.factory_reset, now)

    def _forget(self) -> None:
        """Go back to factory defaults; the banks of software stay as they are."""
        self._reset_configuration()
        self.transfers.clear()
        self.modules.clear()
        self._due.clear()
        # 0 BOOTSTRAP makes all older undelivered events void (TR-069 3.7.1.5).
        self.events, self.outgoing, self._after_session = [], [], []
        self.changed.clear()

    # --- what it sends to collectors ----------------------------------------------------

    def delivery_due(self, now: float) -> Delivery | None:
        """Return what is to be sent now; the shell then calls ``delivered``."""
        if self.state != "running":
            return None
        return self.bulk_data.due(now) or self.perf_mgmt.due(now)

    def delivered(self, delivery: Delivery, now: float, *, stored: bool) -> None:
        """The collector took it, or did not."""
        for sender in (self.bulk_data, self.perf_mgmt):
            sender.sent(delivery, now, stored=stored)

    # --- RPCs ---------------------------------------------------------------------------

    def take_fault(self, method: str, *, hang: bool = False) -> Fault | None:
        """Return a fault on demand that is to happen now."""
        for fault in self.faults:
            if fault.method == method and fault.times > 0 and fault.hang == hang:
                fault.times -= 1
                return fault
        return None

    def handle(self, request: m.Message, now: float) -> m.Message:
        """Answer a request of the ACS."""
        self._measure(now)
        method = m.method_name(request)
        fault = self.take_fault(method) if method not in ("Download", "Upload") else None
        if fault is not None:
            return m.Fault(fault.code, "a fault on demand")
        if self.fail_safe:
            return self.handle_fail_safe(request, now)
        if not self.may_be_asked(request):
            return m.Fault(9001, f"Request denied: {method} is not for a distress channel")
        response = rpc.handle(self, request, now)
        if (
            isinstance(request, m.Download)
            and request.file_type == FIRMWARE
            and not isinstance(response, m.Fault)
        ):
            self.stages.on(Trigger.DOWNLOAD)
        return response

    def values_changed(self, names: list[str], now: float) -> None:
        """The ACS has set parameters."""
        if any(name.startswith(f"{SERVER}PeriodicInform") for name in names):
            self._schedule_periodic(now)
        if any(name.startswith(HEARTBEAT) for name in names):
            self._schedule_heartbeat(now)
        if any(not name.startswith(SELF_TEST) for name in names):
            self.stages.on(Trigger.RECONFIGURED)
        self.defend()
        follow_admin_state(self.tree)
        self.check_integrity(now)
