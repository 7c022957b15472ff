"""Every message of every version, both directions: written, valid by the official schema, read back the same.

The official schemas are those of the Broadband Forum for CWMP 1.0 to 1.4. Our own are held against the same
bytes, so that they agree on what is right; what official schemas refuse, ours refuse as well.
"""

import pytest
from hypothesis import given
from lxml import etree

from acs.cwmp import decode, encode
from acs.cwmp import messages as m
from acs.cwmp.codec.shape import SHAPES
from acs.cwmp.versions import introduced, minor_of
from cwmp_schemas import schema
from tests.cwmp import strategies as draw
from tests.cwmp.official import OFFICIAL, VERSIONS, official_schema

CLASSES = sorted(SHAPES, key=lambda cls: cls.__name__)
DIRECTIONS = {
    "ACS to CPE": {*m.CPE_METHODS, *(f"{name}Response" for name in m.ACS_METHODS)},
    "CPE to ACS": {*m.ACS_METHODS, *(f"{name}Response" for name in m.CPE_METHODS)},
}
BY_VERSION = pytest.mark.parametrize("minor", VERSIONS, ids=lambda minor: f"1.{minor}")
HEADER = m.Header(id="7")


def elements(minor):
    """Return the names of the elements at the top of the official schema of a version.

    Those of 1.3 and 1.4 add to the one before.
    """
    official_schema(minor)
    root = etree.parse(OFFICIAL / f"cwmp-1-{minor}.xsd").getroot()
    own = {child.get("name") for child in root if str(child.tag).endswith("}element")}
    return own | (elements(minor - 1) if minor > 2 else set())


def round_trip(message, minor, header=HEADER):
    namespace = VERSIONS[minor]
    body = encode(message, namespace=namespace, header=header)
    document = etree.fromstring(body)
    for xsd in (official_schema(minor), schema(namespace)):
        assert xsd.validate(document), (xsd.error_log.last_error, body)
    envelope = decode(body)
    assert (envelope.message, envelope.namespace, envelope.repairs) == (message, namespace, ())
    return envelope


def test_every_message_goes_one_way_or_the_other():
    assert set().union(*DIRECTIONS.values()) == set(m.METHODS) == {cls.__name__ for cls in CLASSES}


@BY_VERSION
def test_no_message_of_a_version_is_missing_and_none_is_added(minor):
    header_fields = {"ID", "HoldRequests", "NoMoreRequests", "SessionTimeout"}
    other = {"Fault", "SupportedCWMPVersions", "UseCWMPVersion"}
    ours = {cls.__name__ for cls in CLASSES if introduced(cls.__name__) <= minor_of(VERSIONS[minor])}
    assert elements(minor) - header_fields - other == ours


@BY_VERSION
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_message_is_valid_and_read_as_it_was_written(cls, minor):
    if introduced(cls.__name__) > minor_of(VERSIONS[minor]):
        assert cls.__name__ not in elements(minor)
        return

    @draw.FIXED
    @given(draw.valid(cls))
    def run(message):
        round_trip(message, minor)

    run()


@BY_VERSION
@draw.FIXED
@given(fault=draw.FAULTS, header=draw.HEADERS)
def test_faults_and_header_fields_are_valid_and_read_as_they_were_written(minor, fault, header):
    namespace = VERSIONS[minor]
    body = encode(fault, namespace=namespace, header=header)
    document = etree.fromstring(body)
    assert official_schema(minor).validate(document), (official_schema(minor).error_log.last_error, body)
    assert schema(namespace).validate(document) or minor_of(namespace) < 2  # of a later version
    envelope = decode(body)
    assert (envelope.message, envelope.header) == (fault, header)


@pytest.mark.parametrize("level", range(7))
def test_all_notifications_are_valid_in_1_4(level):
    request = m.SetParameterAttributes((m.SetParameterAttribute("Device.A", level),))
    round_trip(request, 4)
    attribute = m.ParameterAttribute("Device.A", level, ("Subscriber",))
    round_trip(m.GetParameterAttributesResponse((attribute,)), 4)


@BY_VERSION
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<CommandKey>k</CommandKey>", b"<CommandKey>" + b"k" * 33 + b"</CommandKey>"),
        (b"<CommandKey>k</CommandKey>", b""),
        (b"<DelaySeconds>5<", b"<DelaySeconds>-5<"),
        (b"<DelaySeconds>5<", b"<DelaySeconds>soon<"),
    ],
)
def test_what_the_official_schemas_refuse_ours_refuse(minor, old, new):
    namespace = VERSIONS[minor]
    body = encode(m.ScheduleInform(5, "k"), namespace=namespace, header=HEADER)
    assert old in body
    wrong = etree.fromstring(body.replace(old, new))
    assert not official_schema(minor).validate(wrong)
    assert not schema(namespace).validate(wrong)
