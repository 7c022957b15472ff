"""The ACS's side of a CWMP session, as a table (TR-069 3.7.1, 3.7.2.4).

The machine does no I/O and knows no time. A shell feeds it what arrived, does the one thing
it is told to do, and comes back. Between two POSTs the shell may forget the state and build it
again from what it stored, since a state is four plain values.

=========== ================ ===================================== ==========
phase       what arrives     what the shell is told                next phase
=========== ================ ===================================== ==========
NEW         Inform           CheckIn                               CPE_TURN
NEW         empty            Finish                                NEW
NEW         request          Answer(fault 8003)                    NEW
NEW         answer           Finish                                NEW
CPE_TURN    Inform           CheckIn (the newer session wins)      CPE_TURN
CPE_TURN    request          Handle                                CPE_TURN
CPE_TURN    empty            AskNext                               CPE_TURN
CPE_TURN    answer           AskNext (nobody asked: discarded)     CPE_TURN
AWAITING    Inform           CheckIn (the outstanding is undecided) CPE_TURN
AWAITING    request          Handle                                AWAITING
AWAITING    answer           Settle, then AskNext                  CPE_TURN
AWAITING    vendor's answer  as answer, when the request was it    CPE_TURN
AWAITING    empty            Settle(fault 9002), then AskNext      CPE_TURN
ENDED       as CPE_TURN: a device may still tell something after the ACS's 204
any         unknown method   Answer(fault 8000)                    same
any         not CWMP         Answer(the fault of the error)        same
=========== ================ ===================================== ==========

An empty message while AWAITING is decided by the shell before it comes here where the request must not
be done twice: then only a later Inform can tell.

After AskNext the shell calls ``send`` with the next request or ``finish`` when there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from acs.cwmp import messages as m
from acs.cwmp.codec import DecodeError, Envelope

__all__ = [
    "NO_ANSWER",
    "Action",
    "Answer",
    "AskNext",
    "CheckIn",
    "Finish",
    "Handle",
    "Input",
    "Phase",
    "SessionState",
    "Settle",
    "classify",
    "finish",
    "patience",
    "send",
    "step",
]


_PATIENCE, _LONGEST_PATIENCE = 60, 900  # seconds


class Phase(Enum):
    """Where a session stands."""

    NEW = auto()
    CPE_TURN = auto()
    AWAITING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session between two POSTs: phase, namespace of the device, the request it has not answered yet."""

    phase: Phase = Phase.NEW
    namespace: str = m.CWMP_1_0
    outstanding_id: str = ""
    outstanding_method: str = ""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Make the Inform durable, then answer InformResponse."""

    inform: m.Inform


@dataclass(frozen=True, slots=True)
class Handle:
    """Make a request of the CPE durable, then answer ``response``."""

    request: m.Message
    response: m.Response


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer this fault; nothing is to be stored."""

    fault: m.Fault


@dataclass(frozen=True, slots=True)
class Settle:
    """The outstanding request was answered: store it, then act as on AskNext."""

    command_id: str
    answer: m.Message


@dataclass(frozen=True, slots=True)
class AskNext:
    """It is the ACS's turn: ``send`` the next request, or ``finish``. ``discarded`` names a stray answer."""

    discarded: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """Answer 204: there is no session here."""


Action = CheckIn | Handle | Answer | Settle | AskNext | Finish

NO_ANSWER = m.Fault(9002, "the device sent an empty message in place of an answer")
"""What an RPC comes to when an empty POST stands where its answer should (seen of real clients)."""


class Input(Enum):
    """The kinds of things that arrive."""

    INFORM = auto()
    REQUEST = auto()
    ANSWER = auto()
    UNKNOWN = auto()
    EMPTY = auto()
    MALFORMED = auto()


Received = Envelope | DecodeError | None
"""What a POST carried: a message, something that is none, or nothing at all."""

_Rule = Callable[[SessionState, Received], tuple[SessionState, Action]]


def classify(received: Received) -> Input:
    """Return the kind of what arrived."""
    if received is None:
        return Input.EMPTY
    if isinstance(received, DecodeError):
        return Input.MALFORMED
    message = received.message
    if isinstance(message, m.Inform):
        return Input.INFORM
    name = m.method_name(message)
    if isinstance(message, m.Fault) or name in m.RESPONSES:
        return Input.ANSWER
    return Input.REQUEST if name in m.ACS_METHODS else Input.UNKNOWN


def _message(received: Received) -> m.Message:
    assert isinstance(received, Envelope)
    return received.message


def _check_in(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    assert isinstance(received, Envelope)
    inform = received.message
    assert isinstance(inform, m.Inform)
    return SessionState(Phase.CPE_TURN, received.namespace), CheckIn(inform)


def _handle(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    request = _message(received)
    phase = Phase.CPE_TURN if state.phase is Phase.ENDED else state.phase
    return replace(state, phase=phase), Handle(request, _response(request))


_RESPONSES: dict[type[m.Message], m.Response] = {
    m.GetRPCMethods: m.GetRPCMethodsResponse(tuple(sorted(m.ACS_METHODS))),
    m.TransferComplete: m.TransferCompleteResponse(),
    m.AutonomousTransferComplete: m.AutonomousTransferCompleteResponse(),
    m.RequestDownload: m.RequestDownloadResponse(),
    m.DUStateChangeComplete: m.DUStateChangeCompleteResponse(),
    m.AutonomousDUStateChangeComplete: m.AutonomousDUStateChangeCompleteResponse(),
}


def _response(request: m.Message) -> m.Response:
    if isinstance(request, m.Kicked):
        return m.KickedResponse(request.next[:1024])  # the longest NextURL (A.4.2.1)
    return _RESPONSES[type(request)]


def _too_early(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    name = m.method_name(_message(received))
    return state, Answer(m.Fault(8003, f"{name} outside a session: a session begins with Inform"))


def _finish(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    return state, Finish()


def _ask_next(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    discarded = "" if received is None else m.method_name(_message(received))
    return SessionState(Phase.CPE_TURN, state.namespace), AskNext(discarded)


def _settle(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    """Match by ``cwmp:ID`` where the device echoes it, by the outstanding request where it does not."""
    answer = _message(received)
    expected = state.outstanding_method + "Response"
    if not isinstance(answer, m.Fault) and m.method_name(answer) != expected:
        answer = m.Fault(9002, f"{m.method_name(answer)} in place of {expected}")
    return SessionState(Phase.CPE_TURN, state.namespace), Settle(state.outstanding_id, answer)


def _no_answer(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    return SessionState(Phase.CPE_TURN, state.namespace), Settle(state.outstanding_id, NO_ANSWER)


def _unknown(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    name = m.method_name(_message(received))
    return state, Answer(m.Fault(8000, f"the ACS has no method {name[:64]!r}"))


def _maybe_settle(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    """A vendor's method was called: what answers it bears a name that only the request tells."""
    if m.method_name(_message(received)) == state.outstanding_method + "Response":
        return _settle(state, received)
    return _unknown(state, received)


def _malformed(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    assert isinstance(received, DecodeError)
    return state, Answer(m.Fault(received.fault_code, received.reason[:256]))


_ANY: dict[Input, _Rule] = {Input.UNKNOWN: _unknown, Input.MALFORMED: _malformed}
_CPE_TURN: dict[Input, _Rule] = {
    **_ANY,
    Input.INFORM: _check_in,
    Input.REQUEST: _handle,
    Input.ANSWER: _ask_next,
    Input.EMPTY: _ask_next,
}
TRANSITIONS: dict[Phase, dict[Input, _Rule]] = {
    Phase.NEW: {
        **_ANY,
        Input.INFORM: _check_in,
        Input.REQUEST: _too_early,
        Input.ANSWER: _finish,
        Input.EMPTY: _finish,
    },
    Phase.CPE_TURN: _CPE_TURN,
    Phase.AWAITING: {
        **_ANY,
        Input.INFORM: _check_in,
        Input.REQUEST: _handle,
        Input.ANSWER: _settle,
        Input.UNKNOWN: _maybe_settle,
        Input.EMPTY: _no_answer,
    },
    Phase.ENDED: _CPE_TURN,
}


def step(state: SessionState, received: Received) -> tuple[SessionState, Action]:
    """Return the state after ``received`` and what the shell has to do. Never raises for what arrived."""
    return TRANSITIONS[state.phase][classify(received)](state, received)


def send(state: SessionState, command_id: str, method: str) -> SessionState:
    """Return the state after the request ``method`` was handed to the device under ``command_id``."""
    if state.phase is not Phase.CPE_TURN:
        raise ValueError(f"a request can't be sent in phase {state.phase.name}")
    return SessionState(Phase.AWAITING, state.namespace, command_id, method)


def patience(session_timeout: int | None) -> float:
    """Return after how many seconds of silence a session is given up (TR-069 3.7.2.4: 30 at least).

    ``session_timeout`` is the header field of the device's Inform (CWMP 1.3): it waits as long for an answer.
    """
    return float(min(max(session_timeout or 0, _PATIENCE), _LONGEST_PATIENCE))


def finish(state: SessionState) -> SessionState:
    """Return the state after the ACS answered 204: neither side has anything left to say."""
    return SessionState(Phase.ENDED, state.namespace)
