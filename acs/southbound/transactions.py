"""What one POST of a device does to the store: one transaction each, everything in it or nothing.

Plain functions of a connection; the shell around them reads HTTP and writes it. A settled command
advances its case here and now, so that the same HTTP response carries what the case wants next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from acs import alarms as al
from acs import bulkdata as bd
from acs import commands as cm
from acs import detection as dt
from acs import devices as dev
from acs import remediation as rm
from acs.commands import Command
from acs.cwmp import DecodeError, Envelope
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.cwmp import session as ses
from acs.datamodel import profile_for
from acs.devices import CheckIn, Device
from acs.distress import EMERGENCY, STANDARD, Channel, filter_of, may_ask
from acs.errors import AcsError
from acs.settings import Settings
from acs.southbound.authentication import Proof, Refused, admit
from acs.southbound.contacts import note_contact
from acs.southbound.device_requests import handle_request
from acs.southbound.echoes import Fill, ended_without_echoes, without_echoes
from acs.southbound.placeholders import secrets_in
from acs.southbound.rotation import next_secrets, rotations_settled
from acs.store import signalled

__all__ = ["Opened", "Reply", "continue_session", "nothing_waits", "open_session", "outside_session"]

_ROWS = "alarm-rows"
_LONGEST_PATH = 200  # characters; a parameter's name has at most 256 (TR-069 A.2.1)

_ID = "acs-"
_MOST_FAILED = 8  # commands that can't be sent, and fail in one POST; what else waits has the next session
_MOST_ROWS = 4  # reads of single rows that may wait; with more of them the whole list is read


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that an Inform opened, and what changed with it; ``idle``: nothing waits for the device."""

    device: Device
    epoch: int
    changes: tuple[al.AlarmChange, ...]
    settled: tuple[Command, ...]
    first_contact: bool
    idle: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a POST: a message under ``id``, or none at all (204, the session is over).

    ``challenge``: ask for the password first (401). ``secrets``: the sealed secrets of declared state that
    the message has placeholders for, by name. ``declaration``: the device wants an XML declaration.
    """

    message: m.Message | None
    id: str = ""
    settled: tuple[Command, ...] = ()
    changes: tuple[al.AlarmChange, ...] = ()
    discarded: str = ""
    challenge: bool = False
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    declaration: bool = False


def open_session(
    conn: Connection,
    inform: m.Inform,
    proof: Proof,
    *,
    namespace: str,
    settings: Settings,
    env: rm.Environment,
    now: float,
    session_timeout: int | None = None,
    channel: Channel = STANDARD,
    later: bool = False,
) -> Opened:
    """Admit the device and make its Inform durable: registry, alarms, outcomes, reactions.

    ``session_timeout`` is how many seconds the device says it waits within a session. ``channel`` is what it
    came over. ``later``: there is no room for new cases now; those that can wait are opened and put off.
    Raises ``Refused``; then nothing is stored.
    """
    expected = partial(rm.emergency_expected, conn, env=env)
    admitted = admit(
        conn,
        inform,
        proof,
        settings,
        now=now,
        despite_block=expected if channel == EMERGENCY else _never,
    )
    over = rm.emergency_over(conn, admitted) if channel == EMERGENCY else ""
    if over:
        raise Refused(403, "emergency-failed", over)
    check = dev.check_in(
        conn,
        admitted,
        inform,
        namespace=namespace,
        now=now,
        patience=ses.patience(session_timeout),
        channel=channel,
    )
    if channel == EMERGENCY:
        return _open_emergency(conn, check, inform, env=env, now=now)
    device = check.device
    _note_unknown_events(conn, device, inform.events, now=now)
    if check.boot:
        al.reset_rings(conn, device)
        device = replace(device, alarm_rings="{}", alarms_suspect=False)
    found = al.extract(inform.parameters, current_time=inform.current_time)
    path = next(iter(found.roots), "")
    if path not in ("", device.fault_management) and len(path) <= _LONGEST_PATH:
        dev.set_fault_management(conn, device.id, path)
        device = replace(device, fault_management=path)
    applied = al.apply(conn, device, found.events, now=now)
    resync = check.boot or applied.suspect or found.more or device.alarms_suspect
    _ask_for_alarms(conn, check, found.incomplete, resync=resync, now=now)
    detected = dt.informed(
        conn,
        admitted,
        replace(check, device=device),
        inform,
        env.detection(now),
        address=proof.address,
    )
    settled: list[Command] = []
    if device.has_open_commands:
        other = check.version_changed and profile_for(device).success_by_version
        settled = cm.informed(conn, device.id, inform.events, epoch=check.epoch, now=now, other_version=other)
        settled += cm.never_restarted(conn, device.id, inform.events, now=now)
        _note_unread(conn, device, settled)
    rm.commands_settled(conn, settled, env=env, now=now)
    bd.profile_commands_settled(conn, settled, now=now)
    cm.discovery_settled(conn, device, settled, now=now)
    if settings.discovery != "off" and (check.version_changed or check.first_contact):
        cm.renew_discovery(conn, device, unknown=settings.discovery == "new", now=now)
    if check.bootstrap:
        bd.profiles_lost(conn, device.id, now=now)
    rm.alarms_changed(conn, device, (*applied.changes, *detected), env=env, now=now, later=later)
    rm.device_informed(conn, replace(check, device=device), inform.events, env=env, now=now, later=later)
    noticed = note_contact(conn, admitted, proof, inform, settings=settings, env=env, now=now)
    # Nothing waited for it, under its lock, and nothing was enqueued here: that is known without asking.
    idle = not device.has_open_commands and not signalled(conn, "commands", str(device.id))
    return Opened(
        device,
        check.epoch,
        (*applied.changes, *detected, *noticed),
        tuple(settled),
        check.first_contact,
        idle,
    )


def _never(_: Device) -> bool:
    return False


def _open_emergency(
    conn: Connection, check: CheckIn, inform: m.Inform, *, env: rm.Environment, now: float
) -> Opened:
    """Take the Inform of a fail-safe image: it has no alarms and no configuration, and wants software alone.

    What it says of a reset is not evidence for what the HeMS asked of the software before.
    """
    device = check.device
    events = [each for each in inform.events if each.code not in (ev.BOOTSTRAP, ev.BOOT)]
    settled = cm.informed(conn, device.id, events, epoch=check.epoch, now=now)
    rm.commands_settled(conn, settled, env=env, now=now)
    rm.emergency_informed(conn, check, inform.events, env=env, now=now)
    return Opened(device, check.epoch, (), tuple(settled), check.first_contact, idle=False)


def _note_unknown_events(conn: Connection, device: Device, events: Iterable[m.Event], *, now: float) -> None:
    """Record events that nobody knows and the device's profile does not tolerate, at most once an hour."""
    unknown = [each.code for each in events if not ev.is_known(each.code)]
    if not unknown:
        return
    tolerated = profile_for(device).tolerated_events
    odd = [code for code in unknown if not code.strip().startswith(tolerated)]
    if odd:
        text = ", ".join(code[:64] for code in odd[:8])
        dev.audit_seldom(conn, "device", "unknown event", device.device_key, text, now=now)


def _ask_for_alarms(
    conn: Connection, check: CheckIn, incomplete: Sequence[str], *, resync: bool, now: float
) -> None:
    """Read what the Inform did not tell of alarms, in this very session and before anything else.

    What an earlier session left unread waits still; a device that never finishes one piles up nothing.
    """
    device = check.device
    waiting = cm.open_commands(conn, device.id) if device.has_open_commands else []
    if incomplete and sum(each.purpose == _ROWS for each in waiting) >= _MOST_ROWS:
        incomplete, resync = (), True
    if any(each.purpose == al.RESYNC and each.state == "queued" for each in waiting):
        resync = False
    wanted: list[tuple[str, str, m.Message]] = []
    if resync:
        wanted.append((al.RESYNC, f"a{device.id}-{check.epoch}", al.resync_request(device)))
    here = check.boot and not check.bootstrap and device.fault_management
    if here and device.provisioned_for == (device.software_version or "?"):
        asked = al.attributes_request(device.fault_management)
        wanted.append((al.ATTRIBUTES, f"n{device.id}-{check.epoch}", asked))
    if incomplete:
        wanted.append((_ROWS, f"i{device.id}-{check.epoch}", m.GetParameterValues(tuple(incomplete))))
    for purpose, key, request in wanted:
        cm.enqueue(conn, device.id, request, command_key=key, purpose=purpose, priority=1, now=now)


def _note_unread(conn: Connection, device: Device, settled: Iterable[Command]) -> None:
    """Have alarms read at the next Inform that could not be read, unless the device will never tell them."""
    for command in settled:
        if command.purpose in (al.RESYNC, _ROWS) and not command.succeeded:
            code = command.fault_code
            passing = code is None or profile_for(device).says_busy(code)
            al.suspect_alarms(conn, device.id, suspect=passing or command.purpose == _ROWS)


def outside_session(received: Envelope | None) -> m.Fault | None:
    """Return the fault for a message before any Inform; None where there is nothing to say."""
    _, action = ses.step(ses.SessionState(), received)
    return action.fault if isinstance(action, ses.Answer) else None


def nothing_waits(conn: Connection, device_id: int, epoch: int) -> bool:
    """Tell whether an empty POST of this session can be answered with 204 without writing anything."""
    return dev.idle(conn, device_id, epoch)


def continue_session(
    conn: Connection,
    device_id: int,
    epoch: int,
    received: Envelope | DecodeError | None,
    *,
    namespace: str,
    env: rm.Environment,
    now: float,
    unproved: bool = False,
    channel: Channel = STANDARD,
    fill: Fill | None = None,
) -> Reply:
    """Take what the device sent after its Inform and return what it is answered.

    ``unproved``: it has a password and did not show it now, which some clients do with an empty
    POST before each message of theirs; that is then no answer to what it was asked. Over a distress
    ``channel`` only few methods are used (S1 L54); what else waits for the device goes on waiting.
    ``fill`` opens the secrets of what was asked, so that no fault brings them into a row.
    Raises ``Refused`` when a newer session of the device has begun.
    """
    dev.lock(conn, device_id)
    device = dev.get(conn, device_id)
    if device.session_epoch != epoch:
        raise Refused(403, "session-superseded", f"{device.device_key} has opened a newer session")
    outstanding = cm.outstanding(conn, device_id, epoch)
    state = ses.SessionState(ses.Phase.CPE_TURN, namespace)
    turn = _Turn(conn, device, epoch, env, now, channel)
    if outstanding is not None:
        reply = turn.no_answer(received, outstanding, unproved=unproved)
        if reply is not None:
            return reply
        state = ses.send(state, str(outstanding.id), outstanding.awaited_method)
    _, action = ses.step(state, received)
    match action:
        case ses.Answer(fault):
            return Reply(fault)
        case ses.Handle(request, response):
            if fill is not None:
                request = ended_without_echoes(conn, device_id, request, fill)
            return turn.handle(request, response)
        case ses.Settle(command_id, answer):
            if isinstance(answer, m.Fault) and outstanding is not None and fill is not None:
                answer = without_echoes(conn, answer, outstanding, fill)
            return turn.settle(int(command_id), answer)
        case ses.AskNext(discarded):
            return turn.next(discarded=discarded)
        case _:
            return Reply(None)


def _repeated(conn: Connection, received: Envelope | DecodeError | None, outstanding: Command) -> bool:
    """Tell whether an answer came twice, since the ``outstanding`` request that replied to it got lost.

    It bears the ID of a request of the same session that was answered before, and fits it. Taken for the
    answer to the outstanding one it would settle what the device never saw.
    """
    if not isinstance(received, Envelope) or ses.classify(received) is not ses.Input.ANSWER:
        return False
    text = received.header.id or ""
    number, _, part = text.removeprefix(_ID).partition(".")
    if text == _id(outstanding) or not text.startswith(_ID):
        return False
    if not _is_number(number) or not _is_number(part or "0"):
        return False
    before = cm.find_command(conn, int(number))
    if before is None or before.device_id != outstanding.device_id:
        return False
    if before.id == outstanding.id:
        return True  # of an earlier part
    fits = (
        isinstance(received.message, m.Fault) or m.method_name(received.message) == f"{before.method}Response"
    )
    return fits and before.session_epoch == outstanding.session_epoch


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _id(command: Command) -> str:
    """Return the ``cwmp:ID`` of a request; a device that counts on its own does not hit on it."""
    return f"{_ID}{command.id}" + ("" if command.part is None else f".{command.part}")


@dataclass(slots=True)
class _Turn:
    """One POST within a session, while its transaction is open."""

    conn: Connection
    device: Device
    epoch: int
    env: rm.Environment
    now: float
    channel: Channel = STANDARD

    def handle(self, request: m.Message, response: m.Message) -> Reply:
        """Make a request of the device durable, then answer it."""
        if not may_ask(request, self.channel):
            return Reply(m.Fault(8000, f"not over the {self.channel} channel"))
        settled = handle_request(self.conn, self.device, self.epoch, request, env=self.env, now=self.now)
        rm.commands_settled(self.conn, settled, env=self.env, now=self.now)
        bd.profile_commands_settled(self.conn, settled, now=self.now)
        return Reply(response, settled=tuple(settled))

    def settle(self, command_id: int, answer: m.Message) -> Reply:
        """Store the answer to the outstanding command, react to it, and go on."""
        settled = cm.settle(self.conn, command_id, answer, epoch=self.epoch, now=self.now)
        mine = [command for command in settled if command.id == command_id and command.succeeded]
        changes = [change for command in mine for change in self._read(command)]
        _note_unread(self.conn, self.device, settled)
        self._react(settled)
        rm.alarms_changed(self.conn, self.device, changes, env=self.env, now=self.now)
        return self.next(settled=settled, changes=changes)

    def _react(self, settled: Sequence[Command]) -> None:
        """Let whoever asked for these commands go on."""
        rm.commands_settled(self.conn, settled, env=self.env, now=self.now)
        bd.profile_commands_settled(self.conn, settled, now=self.now)
        cm.discovery_settled(self.conn, self.device, settled, now=self.now)
        dt.reads_settled(self.conn, self.device, settled)
        rotations_settled(self.conn, self.device, settled, now=self.now)

    def _read(self, command: Command) -> Sequence[al.AlarmChange]:
        """Keep the values that a GetParameterValues brought; alarms among them become alarms."""
        answer = command.answer
        if command.purpose == al.ATTRIBUTES and isinstance(answer, m.GetParameterAttributesResponse):
            self._restore(command, answer)
        if not isinstance(answer, m.GetParameterValuesResponse):
            return ()
        if command.purpose == al.RESYNC:
            keep_open = rm.open_case_alarms(self.conn, self.device.id)
            return al.apply_resync(
                self.conn, self.device, answer.parameters, keep_open=keep_open, now=self.now
            )
        if command.purpose == _ROWS:
            events = al.extract(answer.parameters).events
            return al.apply(self.conn, self.device, events, now=self.now).changes
        values = [each for each in answer.parameters if ".FaultMgmt." not in each.name]
        added: set[str] = set()
        changed = dev.save_parameters(self.conn, self.device.id, values, now=self.now, first_seen=added)
        request = command.message
        if isinstance(request, m.GetParameterValues):
            gone = dev.forget_vanished(self.conn, self.device.id, request.names, values)
            changed |= dict.fromkeys(gone, "")
        dev.note_addresses(self.conn, self.device.id, values)
        device = dev.find(self.conn, self.device.device_key)  # as this transaction left it
        if device is None:
            return ()
        return dt.values_read(
            self.conn, device, values, changed, added=added, how=self.env.detection(self.now)
        )

    def _restore(self, command: Command, answer: m.GetParameterAttributesResponse) -> None:
        """Set the notification attributes again that the device lost with its reboot."""
        request = al.lost_notifications(self.device.fault_management, answer.parameters)
        if request is not None:
            key = f"{command.command_key}r"
            cm.enqueue(
                self.conn,
                self.device.id,
                request,
                command_key=key,
                purpose=al.ATTRIBUTES,
                priority=1,
                now=self.now,
            )

    def no_answer(
        self, received: Envelope | DecodeError | None, outstanding: Command, *, unproved: bool
    ) -> Reply | None:
        """Reply to what looks like an answer to the outstanding request and is none; None: it may be one."""
        if received is None and unproved:
            return Reply(None, challenge=True)
        if received is None and cm.recovery_of(outstanding.method) is not cm.Recovery.SEND_AGAIN:
            # It may have been done or not: the next Inform brings evidence, a second try could do it twice.
            dev.session_over(self.conn, self.device.id, now=self.now)
            return Reply(None)
        if _repeated(self.conn, received, outstanding):
            again = cm.once_more(self.conn, outstanding)
            if again is None:
                return None
            sealed = self._sealed_or_failed(*again)
            if isinstance(sealed, Command):
                return self.next(settled=[sealed])
            return Reply(again[1], id=_id(again[0]), secrets=sealed)
        return None

    def _sealed_or_failed(self, command: Command, message: m.Message) -> dict[str, bytes] | Command:
        """Return the sealed secrets that belong into a request, or the command, failed for want of one."""
        names = secrets_in(message)
        try:
            mine = next_secrets(self.conn, self.device.id, names)
            return {**dev.sealed_config_secrets(self.conn, names - mine.keys()), **mine}
        except AcsError as error:
            failed = cm.fail(self.conn, command, None, str(error), now=self.now)
            self._react([failed])
            return failed

    def next(
        self,
        *,
        settled: Iterable[Command] = (),
        changes: Iterable[al.AlarmChange] = (),
        discarded: str = "",
    ) -> Reply:
        """Hand over the next command, or end the session."""
        over = tuple(settled)
        told = Reply(None, settled=over, changes=tuple(changes), discarded=discarded)
        if self.channel != EMERGENCY and dev.is_blocked(self.conn, self.device.id):
            return told
        allowed = filter_of(self.channel)
        for _ in range(_MOST_FAILED):
            found = cm.next_command(
                self.conn, self.device.id, self.epoch, now=self.now, allowed=allowed, device=self.device
            )
            if found is None:
                break
            command, message = found
            sealed = self._sealed_or_failed(command, message)
            if isinstance(sealed, Command):
                over = (*over, sealed)
                continue
            told = replace(told, settled=over, declaration=profile_for(self.device).xml_declaration)
            return replace(told, message=message, id=_id(command), secrets=sealed)
        dev.session_over(self.conn, self.device.id, now=self.now)
        return replace(told, settled=over)
