"""The smallest shell around the protocol core: bytes in, bytes out, nothing stored."""

from functools import cache

from lxml import etree

from acs.cwmp import DEFAULT_LIMITS, DecodeError, decode, encode
from acs.cwmp import messages as m
from acs.cwmp import session as ses
from cwmp_schemas import schema
from cwmp_schemas.build import exists

QUEUE = (
    m.GetParameterValues(("Device.",)),
    m.SetParameterValues((m.ParameterValue("Device.A", "1 < 2 & 3", "xsd:string"),), "key"),
    m.Reboot("key"),
    m.Download("key", "1 Firmware Upgrade Image", "http://acs.example/f"),
)


class Shell:
    """Answers POSTs as the endpoint does; every answer is held against the schema."""

    def __init__(self, commands=0):
        self.state = ses.SessionState()
        self.commands = commands
        self.settled = []

    def post(self, body, charset=None, limits=DEFAULT_LIMITS):
        """Return the answer's message, ``None`` for 204."""
        received = None
        if body.strip():
            try:
                received = decode(body, charset=charset, limits=limits)
            except DecodeError as error:
                received = error
        answer = self.act(received)
        if answer is not None:
            namespace = self.state.namespace
            if not exists(type(answer).__name__, namespace):
                namespace = m.CWMP_1_2  # the device called what its version does not know
            check(encode(answer, namespace=namespace, header=header_of(received)), namespace)
        return answer

    def act(self, received):
        self.state, action = ses.step(self.state, received)
        if isinstance(action, ses.CheckIn):
            return m.InformResponse()
        if isinstance(action, ses.Handle):
            return action.response
        if isinstance(action, ses.Answer):
            return action.fault
        if isinstance(action, ses.Finish):
            return None
        if isinstance(action, ses.Settle):
            self.settled.append((action.command_id, action.answer))
        if not self.commands:
            self.state = ses.finish(self.state)
            return None
        self.commands -= 1
        request = QUEUE[self.commands % len(QUEUE)]
        self.state = ses.send(self.state, f"c{self.commands}", m.method_name(request))
        return request


def header_of(received):
    """Echo the ID as the endpoint does."""
    known = received is not None and not isinstance(received, DecodeError)
    return m.Header(id=(received.header.id if known else None) or "1")


@cache
def check(body, namespace):
    """Assert that an answer is valid by our schema of its namespace."""
    xsd = schema(namespace)
    assert xsd.validate(etree.fromstring(body)), (xsd.error_log.last_error, body)
