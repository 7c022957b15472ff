"""The session's table, row by row, and its rules under any sequence of messages."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acs.cwmp import DecodeError, Envelope
from acs.cwmp import messages as m
from acs.cwmp import session as ses
from acs.cwmp.session import Phase
from tests.cwmp.shell import Shell

INFORM = m.Inform(m.DeviceId("ACME", "0005B9", "HeNB", "1"), (m.Event("1 BOOT"),))
TRANSFER = m.TransferComplete("k", m.FaultStruct(), m.UNKNOWN_TIME, m.UNKNOWN_TIME)
VALUES = m.GetParameterValuesResponse(())
FAULT = m.Fault(9002, "no")
EMPTY = None

STATES = {
    Phase.NEW: ses.SessionState(),
    Phase.CPE_TURN: ses.SessionState(Phase.CPE_TURN, m.CWMP_1_1),
    Phase.AWAITING: ses.SessionState(Phase.AWAITING, m.CWMP_1_1, "c1", "GetParameterValues"),
    Phase.ENDED: ses.SessionState(Phase.ENDED, m.CWMP_1_1),
}


def wrap(message, namespace=m.CWMP_1_2):
    return message if message is EMPTY else Envelope(message, m.Header(id="1"), namespace)


HANDLED = ses.Handle(TRANSFER, m.TransferCompleteResponse())
EARLY = ses.Answer(m.Fault(8003, "TransferComplete outside a session: a session begins with Inform"))
STRAY, NOTHING = ses.AskNext("GetParameterValuesResponse"), ses.AskNext()


@pytest.mark.parametrize(
    ("phase", "message", "action", "following"),
    [
        (Phase.NEW, INFORM, ses.CheckIn(INFORM), Phase.CPE_TURN),
        (Phase.NEW, EMPTY, ses.Finish(), Phase.NEW),
        (Phase.NEW, TRANSFER, EARLY, Phase.NEW),
        (Phase.NEW, VALUES, ses.Finish(), Phase.NEW),
        (Phase.NEW, FAULT, ses.Finish(), Phase.NEW),
        (Phase.CPE_TURN, INFORM, ses.CheckIn(INFORM), Phase.CPE_TURN),
        (Phase.CPE_TURN, TRANSFER, HANDLED, Phase.CPE_TURN),
        (Phase.CPE_TURN, EMPTY, NOTHING, Phase.CPE_TURN),
        (Phase.CPE_TURN, VALUES, STRAY, Phase.CPE_TURN),
        (Phase.CPE_TURN, FAULT, ses.AskNext("Fault"), Phase.CPE_TURN),
        (Phase.AWAITING, INFORM, ses.CheckIn(INFORM), Phase.CPE_TURN),
        (Phase.AWAITING, TRANSFER, HANDLED, Phase.AWAITING),
        (Phase.AWAITING, VALUES, ses.Settle("c1", VALUES), Phase.CPE_TURN),
        (Phase.AWAITING, FAULT, ses.Settle("c1", FAULT), Phase.CPE_TURN),
        (Phase.AWAITING, EMPTY, ses.Settle("c1", ses.NO_ANSWER), Phase.CPE_TURN),
        (Phase.ENDED, INFORM, ses.CheckIn(INFORM), Phase.CPE_TURN),
        (Phase.ENDED, TRANSFER, HANDLED, Phase.CPE_TURN),
        (Phase.ENDED, EMPTY, NOTHING, Phase.CPE_TURN),
        (Phase.ENDED, VALUES, STRAY, Phase.CPE_TURN),
    ],
)
def test_each_row_of_the_table_holds(phase, message, action, following):
    state, told = ses.step(STATES[phase], wrap(message))
    assert told == action
    assert state.phase is following
    if isinstance(action, ses.CheckIn):
        assert state == ses.SessionState(Phase.CPE_TURN, m.CWMP_1_2)
    elif state.phase is Phase.AWAITING:
        assert state == STATES[phase]
    else:
        assert state == ses.SessionState(following, STATES[phase].namespace)


@pytest.mark.parametrize("phase", Phase)
def test_an_unknown_method_is_answered_with_8000_in_any_phase(phase):
    for message, name in ((m.UnknownMethod("urn:x", "X_Sing"), "X_Sing"), (m.Reboot("k"), "Reboot")):
        state, told = ses.step(STATES[phase], wrap(message))
        assert told == ses.Answer(m.Fault(8000, f"the ACS has no method {name!r}"))
        assert state == STATES[phase]


@pytest.mark.parametrize("phase", Phase)
def test_what_is_not_cwmp_is_answered_with_its_fault_in_any_phase(phase):
    state, told = ses.step(STATES[phase], DecodeError("x" * 300, 8004))
    assert told == ses.Answer(m.Fault(8004, "x" * 256))
    assert state == STATES[phase]


def test_the_table_knows_every_phase_and_input():
    assert set(ses.TRANSITIONS) == set(Phase)
    assert all(set(rules) == set(ses.Input) for rules in ses.TRANSITIONS.values())


def test_an_answer_to_something_else_settles_as_a_fault():
    _, told = ses.step(STATES[Phase.AWAITING], wrap(m.RebootResponse()))
    answer = m.Fault(9002, "RebootResponse in place of GetParameterValuesResponse")
    assert told == ses.Settle("c1", answer)


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (m.GetRPCMethods(), m.GetRPCMethodsResponse(tuple(sorted(m.ACS_METHODS)))),
        (m.Kicked("go", "r", "a", "http://h/next"), m.KickedResponse("http://h/next")),
        (m.Kicked("go", "r", "a", "n" * 2000), m.KickedResponse("n" * 1024)),
        (m.RequestDownload("1 Firmware Upgrade Image"), m.RequestDownloadResponse()),
        (m.DUStateChangeComplete((), "k"), m.DUStateChangeCompleteResponse()),
        (m.AutonomousDUStateChangeComplete(()), m.AutonomousDUStateChangeCompleteResponse()),
    ],
)
def test_each_request_has_its_response(request_, response):
    _, told = ses.step(STATES[Phase.CPE_TURN], wrap(request_))
    assert told == ses.Handle(request_, response)


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.AWAITING, Phase.ENDED])
def test_a_request_can_only_be_sent_in_the_acs_turn(phase):
    with pytest.raises(ValueError, match=phase.name):
        ses.send(STATES[phase], "c1", "Reboot")


def test_a_session_runs_from_inform_to_the_end():
    state, _ = ses.step(ses.SessionState(), wrap(INFORM, m.CWMP_1_1))
    state, told = ses.step(state, EMPTY)
    assert told == NOTHING
    state = ses.send(state, "c7", "GetParameterValues")
    assert state == ses.SessionState(Phase.AWAITING, m.CWMP_1_1, "c7", "GetParameterValues")
    state, told = ses.step(state, wrap(VALUES))
    assert told == ses.Settle("c7", VALUES)
    assert ses.finish(state) == ses.SessionState(Phase.ENDED, m.CWMP_1_1)


class AnySequence(RuleBasedStateMachine):
    """Devices may send anything at any time; a command is settled at most once, in its session."""

    @initialize(commands=st.integers(0, 5))
    def start(self, commands):
        self.shell = Shell(commands)
        self.informed = False

    def say(self, message, namespace=m.CWMP_1_0):
        return self.shell.act(wrap(message, namespace))

    @rule(namespace=st.sampled_from([m.CWMP_1_0, m.CWMP_1_1, m.CWMP_1_2]))
    def inform(self, namespace):
        settled = list(self.shell.settled)
        assert self.say(INFORM, namespace) == m.InformResponse()
        assert self.shell.state == ses.SessionState(Phase.CPE_TURN, namespace)
        assert self.shell.settled == settled
        self.informed = True

    @rule(message=st.sampled_from([TRANSFER, m.GetRPCMethods(), m.Kicked("a", "b", "c", "d")]))
    def request(self, message):
        answer = self.say(message)
        if self.informed:
            assert type(answer) is m.response_of(type(message))
        else:
            assert answer.code == 8003

    @rule(message=st.sampled_from([VALUES, FAULT, m.RebootResponse(), m.SetParameterValuesResponse(), EMPTY]))
    def answer(self, message):
        before, settled = self.shell.state, list(self.shell.settled)
        self.say(message)
        if before.phase is not Phase.AWAITING:
            assert self.shell.settled == settled
            return
        command_id, answer = self.shell.settled[-1]
        assert len(self.shell.settled) == len(settled) + 1
        assert command_id == before.outstanding_id
        expected = m.method_name(message) == before.outstanding_method + "Response"
        if message is FAULT or expected:
            assert answer == message
        else:
            assert answer.code == 9002

    @rule(method=st.sampled_from([m.UnknownMethod("", "Foo"), m.FactoryReset()]))
    def unknown(self, method):
        before = self.shell.state
        assert self.say(method).code == 8000
        assert self.shell.state == before

    @rule(code=st.sampled_from([8003, 8004]))
    def garbage(self, code):
        before = self.shell.state
        assert self.shell.act(DecodeError("not XML", code)) == m.Fault(code, "not XML")
        assert self.shell.state == before

    @precondition(lambda self: self.shell.state.phase is not Phase.CPE_TURN)
    @rule()
    def nothing_can_be_sent_out_of_turn(self):
        with pytest.raises(ValueError, match="can't be sent"):
            ses.send(self.shell.state, "c", "Reboot")

    @invariant()
    def only_a_waiting_session_has_something_outstanding(self):
        state = self.shell.state
        assert (state.phase is Phase.AWAITING) == bool(state.outstanding_id)
        assert bool(state.outstanding_method) == bool(state.outstanding_id)

    @invariant()
    def no_command_is_settled_twice(self):
        ids = [command_id for command_id, _ in self.shell.settled]
        assert len(ids) == len(set(ids))

    @invariant()
    def a_session_begins_with_inform(self):
        assert (self.shell.state.phase is Phase.NEW) == (not self.informed)


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    derandomize=True, deadline=None, max_examples=150, stateful_step_count=30, database=None
)
