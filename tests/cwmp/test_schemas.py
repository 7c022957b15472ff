"""What the codec writes is what the schemas allow, the official ones and our own."""

import pytest
from hypothesis import given
from lxml import etree

from acs.cwmp import encode
from acs.cwmp import messages as m
from acs.cwmp.codec.shape import SHAPES
from cwmp_schemas import FOLDER, schema, schema_path
from cwmp_schemas.build import NAMESPACES, build, exists, main
from tests.cwmp import strategies as draw
from tests.cwmp.official import OFFICIAL, VERSIONS, official_schema

SAMPLE = m.Inform(
    m.DeviceId("ACME", "0005B9", "HeNB", "1"), (m.Event("1 BOOT"),), 1, "2026-01-01T00:00:00Z", 0, ()
)
CLASSES = sorted(SHAPES, key=lambda cls: cls.__name__)


def check(xsd, message, namespace, header=None):
    document = etree.fromstring(encode(message, namespace=namespace, header=header))
    assert xsd.validate(document), (xsd.error_log.last_error, etree.tostring(document))


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_message_is_valid_by_our_schemas(cls, namespace):
    if not exists(cls.__name__, namespace):
        assert cls.__name__ not in top_elements(schema_path(namespace))
        return

    @draw.FIXED
    @given(draw.valid(cls))
    def run(message):
        check(schema(namespace), message, namespace)

    run()


@draw.FIXED
@given(draw.FAULTS, draw.HEADERS)
def test_faults_and_headers_are_valid_by_all_schemas(fault, header):
    for namespace in NAMESPACES:
        check(schema(namespace), fault, namespace, header)
    if OFFICIAL.is_dir():
        for minor, namespace in VERSIONS.items():
            check(official_schema(minor), fault, namespace, header)


def top_elements(path):
    return {child.get("name") for child in etree.parse(path).getroot() if str(child.tag).endswith("}element")}


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_our_schemas_declare_the_elements_that_the_official_ones_declare(minor):
    path = OFFICIAL / f"cwmp-1-{minor}.xsd"
    if not path.is_file():
        pytest.skip(f"the official schemas are not at {OFFICIAL}")
    added = {"NoMoreRequests"}  # of TR-069 amendment 1, in no schema
    if minor == 2:  # the namespace of 1.3 and 1.4 as well
        added |= {"SessionTimeout", "SupportedCWMPVersions", "UseCWMPVersion"}
    assert top_elements(schema_path(VERSIONS[minor])) == top_elements(path) | added


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_committed_schemas_are_what_the_build_makes(namespace):
    assert schema_path(namespace).read_bytes() == build(namespace)


def test_the_build_writes_all_schemas(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cwmp_schemas.build.FOLDER", tmp_path)
    main()
    assert capsys.readouterr().out.split() == ["cwmp-1-0.xsd", "cwmp-1-1.xsd", "cwmp-1-2.xsd"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()


@pytest.mark.parametrize("namespace", ["urn:dslforum-org:cwmp-1-9", "cwmp-1-0", "urn:dslforum-org:../x", ""])
def test_there_is_no_schema_of_an_unknown_namespace(namespace):
    with pytest.raises(KeyError):
        schema(namespace)


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<OUI>0005B9", b"<OUI>0005b9"),
        (b"1 BOOT", b"BOOT"),
        (b"<CurrentTime>2026-01-01T", b"<CurrentTime>today "),
        (b"<RetryCount>0</RetryCount>", b""),
        (b"<Manufacturer>", b"<Manufacturer>" + b"x" * 64),
        (b"<MaxEnvelopes>1", b"<MaxEnvelopes>-1"),
        (b' soap-env:mustUnderstand="1"', b""),
        (b' soap-enc:arrayType="cwmp:EventStruct[1]"', b""),
    ],
)
def test_our_schemas_refuse_what_tr_069_forbids(namespace, old, new):
    body = encode(SAMPLE, namespace=namespace, header=m.Header(id="1"))
    assert old in body
    assert schema(namespace).validate(etree.fromstring(body))
    assert not schema(namespace).validate(etree.fromstring(body.replace(old, new)))


def test_lightweight_notifications_belong_to_the_last_namespace():
    message = m.SetParameterAttributes((m.SetParameterAttribute("A.B", 6),))
    verdicts = [
        schema(namespace).validate(etree.fromstring(encode(message, namespace=namespace)))
        for namespace in NAMESPACES
    ]
    assert verdicts == [False, False, True]
