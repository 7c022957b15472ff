"""A device that executes commands while answers get lost never executes one with an effect twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, create_engine, pool

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import events as ev
from acs.cwmp import messages as m
from acs.store.tables import metadata

EFFECTS = ("Reboot", "FactoryReset", "Download", "AddObject")
METHODS = (*EFFECTS, "SetParameterValues")
LOSSES = st.one_of(st.none(), st.integers(0, 9))
"""Which message of a session is lost: 0 and 1 are the Inform and its answer, 2 is the empty POST."""


def message(method: str, key: str) -> m.Message:
    match method:
        case "Reboot":
            return m.Reboot(key)
        case "FactoryReset":
            return m.FactoryReset()
        case "Download":
            return m.Download(key, "1 Firmware Upgrade Image", "https://acs/x")
        case "AddObject":
            return m.AddObject("Device.X.", key)
        case _:
            return m.SetParameterValues((m.ParameterValue("Device.X", key),), key)


class LostError(Exception):
    """A message did not arrive."""


class Lossy:
    """Loses the n-th message, which ends the session; None: it loses none."""

    def __init__(self, lost: int | None) -> None:
        self._left = lost

    def pass_on(self) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            raise LostError


class FakeDevice:
    """Does at once, or after its session, what it is told; counts what it did by command id.

    One that is ``slow`` restarts half a minute after it was told to, whatever sessions there are meanwhile.
    """

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.done: Counter[int] = Counter()
        self.events = [m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT)]
        self.transfers: dict[str, int] = {}
        self.completed: dict[str, int] = {}
        self._after: list[tuple[float, int, m.Message]] = []

    def execute(self, command: int, request: m.Message, now: float) -> m.Message:
        match request:
            case m.Reboot() | m.FactoryReset():
                self._after.append((now + 30 * self.slow, command, request))
            case m.Download(key):
                self.done[command] += 1
                self.transfers[key] = command
            case m.GetAllQueuedTransfers():
                known = [*self.transfers, *self.completed]
                return m.GetAllQueuedTransfersResponse(tuple(m.QueuedTransfer(key, 2) for key in known))
            case m.AddObject():
                self.done[command] += 1
                return m.AddObjectResponse(1)
            case _:
                self.done[command] += 1
        return m.response_of(type(request))()

    def session_over(self, now: float) -> None:
        due = [each for each in self._after if each[0] <= now]
        self._after = [each for each in self._after if each[0] > now]
        for _, command, request in due:
            self.done[command] += 1
            if isinstance(request, m.FactoryReset):
                self.transfers.clear()
                self.completed.clear()
                self.events = [m.Event(ev.BOOTSTRAP), m.Event(ev.BOOT)]
            else:
                self.boot()
                self.events.append(m.Event("M Reboot", request.command_key))

    def boot(self) -> None:
        if not any(event.code == ev.BOOT for event in self.events):
            self.events.append(m.Event(ev.BOOT))

    def finish_transfers(self) -> None:
        self.completed.update(self.transfers)
        self.transfers.clear()


class AtMostOnce(RuleBasedStateMachine):
    """The queue on one side, a device on the other, a bad line between them."""

    conn: Connection

    def begin(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=pool.StaticPool)
        self.conn = self.engine.connect()
        metadata.create_all(self.conn)
        self.id = dev.register(self.conn, "0005B9", "1", now=0.0).id
        self.device = FakeDevice()
        self.made: dict[int, tuple[str, str]] = {}
        self.epoch = 0
        self.now = 0.0

    def teardown(self) -> None:
        if not hasattr(self, "conn"):
            return
        try:
            self.everything_is_settled_once_the_line_is_good()
        finally:
            self.conn.close()
            self.engine.dispose()

    def everything_is_settled_once_the_line_is_good(self) -> None:
        for _ in range(12):
            self.wait(70)
            self.device.finish_transfers()
            self.session(None)
            cm.expire_overdue(self.conn, now=self.now, limit=100)
        for command in self.commands():
            assert command.state not in ("queued", "sent"), command
            if command.method in EFFECTS and command.succeeded and command.method != "Reboot":
                assert self.device.done[command.id] == 1, command
        self.nothing_is_done_twice()

    def commands(self) -> list[cm.Command]:
        return cm.list_commands(self.conn, limit=1000)

    @initialize(
        methods=st.lists(st.sampled_from(METHODS), min_size=2, max_size=6),
        losses=st.lists(LOSSES, min_size=2, max_size=8),
        slow=st.booleans(),
    )
    def work_on_a_bad_line(self, methods: list[str], losses: list[int | None], slow: bool) -> None:
        """Begin busily, so that every example has something to go wrong."""
        self.begin()
        self.device.slow = slow
        self.session(None)
        for method in methods:
            self.enqueue(method, 1, None)
        for lost in losses:
            self.session(lost)

    @rule(
        method=st.sampled_from(METHODS),
        priority=st.integers(1, 3),
        allowed=st.one_of(st.none(), st.integers(1, 20)),
    )
    def enqueue(self, method: str, priority: int, allowed: int | None) -> None:
        key = f"k{len(self.made)}"
        made = cm.enqueue(
            self.conn,
            self.id,
            message(method, key),
            command_key=key,
            purpose="operator",
            priority=priority,
            expires_at=None if allowed is None else self.now + allowed,
            now=self.now,
        )
        self.made[made.id] = (method, key)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def enqueue_again(self, data: st.DataObject) -> None:
        number, (method, key) = data.draw(st.sampled_from(sorted(self.made.items())))
        again = cm.enqueue(
            self.conn, self.id, message(method, key), command_key=key, purpose="operator", now=self.now
        )
        assert again.id == number

    @precondition(lambda self: self.made)
    @rule(data=st.data(), close=st.sampled_from([cm.cancel, cm.expire]))
    def give_up(self, data: st.DataObject, close) -> None:
        close(self.conn, data.draw(st.sampled_from(sorted(self.made))), now=self.now)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.device.session_over(self.now)

    @rule()
    def transfers_finish(self) -> None:
        self.device.finish_transfers()

    @rule()
    def power_fails(self) -> None:
        self.device.boot()

    @rule(lost=LOSSES)
    def session(self, lost: int | None) -> None:
        try:
            self.talk(Lossy(lost))
        except LostError:
            pass
        finally:
            self.device.session_over(self.now)

    def talk(self, line: Lossy) -> None:
        line.pass_on()
        self.epoch += 1
        cm.informed(self.conn, self.id, tuple(self.device.events), epoch=self.epoch, now=self.now)
        cm.never_restarted(self.conn, self.id, tuple(self.device.events), now=self.now)
        line.pass_on()
        self.device.events = []
        for key in list(self.device.completed):
            line.pass_on()
            told = m.TransferComplete(key, m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME)
            cm.transfer_complete(self.conn, self.id, told, now=self.now)
            line.pass_on()
            del self.device.completed[key]
        line.pass_on()
        while (found := cm.next_command(self.conn, self.id, self.epoch, now=self.now)) is not None:
            command, request = found
            line.pass_on()
            answer = self.device.execute(command.id, request, self.now)
            line.pass_on()
            cm.settle(self.conn, command.id, answer, epoch=self.epoch, now=self.now)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if not hasattr(self, "conn"):
            return
        for number, times in self.device.done.items():
            if number in self.made and self.made[number][0] in EFFECTS:
                assert times <= 1, self.made[number]

    @invariant()
    def nothing_is_sent_too_often(self) -> None:
        if hasattr(self, "conn"):
            assert all(command.attempts <= 5 for command in self.commands())


AtMostOnce.TestCase.settings = settings(
    max_examples=80, stateful_step_count=20, deadline=None, derandomize=True
)
TestAtMostOnce = AtMostOnce.TestCase
