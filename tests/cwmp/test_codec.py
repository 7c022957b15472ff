"""Messages survive the way to bytes and back."""

from __future__ import annotations

import pytest

from acs.cwmp import DecodeError, decode, encode
from acs.cwmp import messages as m

INFORM = m.Inform(
    m.DeviceId("ACME", "0005B9", "HeNB-LTE", "0005B9423901"),
    (m.Event("2 PERIODIC"),),
    1,
    "2026-01-01T00:00:00Z",
    0,
    (m.ParameterValue("Device.DeviceInfo.SoftwareVersion", "a & <b>"),),
)


def test_an_inform_survives_the_round_trip():
    envelope = decode(encode(INFORM, namespace=m.CWMP_1_2, header=m.Header(id="1")))
    assert envelope.message == INFORM
    assert envelope.header.id == "1"
    assert envelope.namespace == m.CWMP_1_2
    assert envelope.repairs == ()


def test_a_document_type_declaration_is_refused():
    with pytest.raises(DecodeError, match="document type"):
        decode(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>')
