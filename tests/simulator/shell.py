"""A HeNB without sockets, and the few things that a shell does with it."""

from __future__ import annotations

import random

from acs.cwmp import messages as m
from acs.simulator import PRODUCT_CLASS, HeNB, Pace

NOW = 1_800_000_000.0
PACE = Pace(boot=45, factory_reset=90, self_test=10, install=30, retry_scale=1.0)
SERVER = "Device.ManagementServer."
KEY = f"{SERVER}ParameterKey"
PLMN = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList."
FAULTS = "Device.FaultMgmt."
SELF_TEST = "Device.SelfTestDiagnostics."


def make(*, first: bool = True, on: bool = True, **options) -> HeNB:
    """Return a HeNB; ``on``: it runs and has told that it booted."""
    identity = m.DeviceId("ACME", "0005B9", PRODUCT_CLASS, "A1")
    henb = HeNB(identity, "1.0.0", PACE, "http://192.0.2.1/cr", random.Random(1), **options)
    if on:
        henb.power_on(NOW, first=first)
        session(henb, NOW)
    return henb


def session(henb: HeNB, now: float, *requests: m.Message, told: bool = True) -> m.Inform:
    """Hold a session that goes well; return its Inform."""
    inform = henb.inform(now)
    henb.informed(inform)
    while told and (own := henb.next_request()) is not None:
        henb.answered(own)
    for request in requests:
        answer = henb.handle(request, now)
        assert not isinstance(answer, m.Fault), answer
    henb.session_ended(now)
    return inform


def codes(inform: m.Inform) -> list[str]:
    return [each.code for each in inform.events]


def set_values(henb: HeNB, *values, key: str = "k", now: float = NOW) -> m.Message:
    parameters = tuple(m.ParameterValue(*each) for each in values)
    return henb.handle(m.SetParameterValues(parameters, key), now)


def get(henb: HeNB, *names: str) -> dict[str, str]:
    answer = henb.handle(m.GetParameterValues(names), NOW)
    assert isinstance(answer, m.GetParameterValuesResponse), answer
    return {each.name: each.value for each in answer.parameters}


def attributes(henb: HeNB, name: str, notification: int | None) -> m.Message:
    request = m.SetParameterAttributes((m.SetParameterAttribute(name, notification),))
    return henb.handle(request, NOW)


def report(henb: HeNB, mechanism: str, notification: int) -> None:
    """Have all alarms reported by this mechanism, and the events' parameters notified of."""
    for number in range(1, 10):
        name = f"{FAULTS}SupportedAlarm.{number}.ReportingMechanism"
        assert isinstance(set_values(henb, (name, mechanism)), m.SetParameterValuesResponse)
    for table in ("ExpeditedEvent.", "QueuedEvent."):
        attributes(henb, FAULTS + table, notification)
