"""Messages survive the way to bytes and back, and to JSON and back."""

import json

import msgspec
import pytest
from hypothesis import given
from lxml import etree

from acs.cwmp import decode, encode, pack, unpack
from acs.cwmp import messages as m
from acs.cwmp.codec.shape import SHAPES
from tests.cwmp import strategies as draw

CLASSES = sorted(SHAPES, key=lambda cls: cls.__name__)
BY_CLASS = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def read_back(message, **options):
    body = encode(message, **options)
    etree.fromstring(body)
    envelope = decode(body)
    assert envelope.repairs == ()
    return envelope


def test_the_table_knows_every_method_and_nothing_else():
    assert set(SHAPES) == set(m.METHODS.values())


def test_every_request_has_a_response():
    for cls in (*m.CPE_METHODS.values(), *m.ACS_METHODS.values()):
        assert m.response_of(cls).__name__ == cls.__name__ + "Response"
    with pytest.raises(KeyError):
        m.response_of(m.InformResponse)


@BY_CLASS
def test_a_message_is_read_as_it_was_written(cls):
    @draw.FIXED
    @given(draw.wild(cls))
    def check(message):
        assert read_back(message).message == message

    check()


@draw.FIXED
@given(draw.FAULTS)
def test_a_fault_is_read_as_it_was_written(fault):
    assert read_back(fault).message == fault


@draw.FIXED
@given(draw.UNKNOWN_METHODS)
def test_an_unknown_method_is_read_as_it_was_written(message):
    assert read_back(message).message == message


@draw.FIXED
@given(draw.HEADERS)
def test_a_header_is_read_as_it_was_written(header):
    for namespace in (m.CWMP_1_0, m.CWMP_1_1, m.CWMP_1_2):
        envelope = read_back(m.InformResponse(), namespace=namespace, header=header)
        assert envelope.header == header
        assert envelope.namespace == namespace


@BY_CLASS
def test_a_message_survives_packing_as_json(cls):
    @draw.FIXED
    @given(draw.wild(cls))
    def check(message):
        fields = json.loads(json.dumps(pack(message)))
        assert unpack(m.method_name(message), fields) == message

    check()


@draw.FIXED
@given(draw.FAULTS | draw.UNKNOWN_METHODS)
def test_faults_and_unknown_methods_survive_packing_too(message):
    assert unpack(m.method_name(message), json.loads(json.dumps(pack(message)))) == message


def test_an_unknown_method_cannot_be_unpacked():
    with pytest.raises(KeyError):
        unpack("Frobnicate", {})


def test_fields_that_do_not_fit_cannot_be_unpacked():
    with pytest.raises(msgspec.ValidationError):
        unpack("Reboot", {"command_key": 3})


def test_what_is_no_message_cannot_be_encoded():
    with pytest.raises(KeyError):
        encode(m.DeviceId("a", "b", "c", "d"))


def test_characters_that_xml_cannot_carry_become_replacement_characters():
    message = decode(encode(m.Reboot("a\x00b\ud800c\uffffd\x1f"))).message
    assert message == m.Reboot("a\ufffdb\ufffdc\ufffdd\ufffd")


def test_a_carriage_return_survives():
    assert decode(encode(m.Reboot("a\r\nb\rc"))).message == m.Reboot("a\r\nb\rc")


@pytest.mark.parametrize("declared", ["vendor:IPAddress", "", "string", 'xsd:a"b', "xsd:string\n", "xsd:"])
def test_a_type_that_the_envelope_cannot_name_is_sent_as_a_string(declared):
    body = encode(m.SetParameterValues((m.ParameterValue("A", "1", declared),), "k"))
    assert b'xsi:type="xsd:string"' in body
    assert decode(body).message.parameters[0].type == "xsd:string"


def test_the_form_is_the_one_that_every_client_reads():
    body = encode(m.AddObject("A.", "k"), namespace=m.CWMP_1_1, header=m.Header(id="7"))
    assert b"<?xml" not in body
    assert b'<cwmp:ID soap-env:mustUnderstand="1">7</cwmp:ID>' in body
    assert b"<cwmp:AddObject><ObjectName>A.</ObjectName>" in body
    assert b'xmlns:cwmp="urn:dslforum-org:cwmp-1-1"' in body
