"""A template that is hostile or wrong can't hang the ACS, reach what it should not, or grow."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs.declared.templates import MOST_OUTPUT, MOST_SOURCE, check_template, is_template, render
from acs.errors import AcsError

pytestmark = pytest.mark.row("2.16")

FACTS = {
    "site": {
        "name": "Main St",
        "region": "north",
        "mmes": "mme1,mme2",
        "many": list(range(900)),
        "n": 3,
        "long": "x" * 4096,
    },
    "device": {"oui": "0005B9"},
    "groups": ["pilot"],
}


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("segw.{{ site.region }}.example", "segw.north.example"),
        ("{{ site['region'] }}-{{ device.oui | lower }}", "north-0005b9"),
        ("{{ site.n * 100 + 1 }}", "301"),
        ("{{ 'a' if site.n > 2 else 'b' }}", "a"),
        ("{% if 'pilot' in groups %}1{% else %}0{% endif %}", "1"),
        ("{{ site.absent | default('there') }}", "there"),
        (
            "{% for each in site.mmes %}{{ each }}.example{% if not loop.last %},{% endif %}{% endfor %}",
            "mme1.example,mme2.example",
        ),
        ("{{ site.region ~ '-' ~ site.n }}", "north-3"),
        ("plain {", "plain {"),
    ],
)
def test_what_a_template_can_do(source, rendered):
    assert render(source, FACTS, "here") == rendered


@pytest.mark.parametrize(
    ("source", "said"),
    [
        # time and memory
        (
            "{% for a in site.many %}{% for b in site.many %}x{% endfor %}{% endfor %}",
            "more than 1000 things",
        ),
        ("{% for a in site.many %}{{ site.long | sort | join }}{% endfor %}", "more than"),
        ("{{ site.long }}{{ site.long }}", f"more than {MOST_OUTPUT} characters"),
        ("{{ 'a' * 1000000000 }}", "* is for numbers"),
        ("{{ [1] * 1000000000 }}", "* is for numbers"),
        ("{{ 9 ** 9 ** 9 }}", "Pow is not allowed"),
        ("{{ " + "1000000000*" * 20 + "1 }}", "is for numbers"),
        ("{{ '%1000000000d' % 1 }}", "% is for numbers"),
        ("{{ '%1000000000d' | format(1) }}", "no filter 'format'"),
        ("{{ 'a' | center(1000000000) }}", "no filter 'center'"),
        ("{% for i in range(1000000000) %}x{% endfor %}", "Call is not allowed"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "is not allowed"),
        ("{% for x in site.mmes recursive %}{{ loop(site.mmes) }}{% endfor %}", "not allowed"),
        ("{% set x = 'a' %}", "Assign is not allowed"),
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "nested too deep"),
        ("{{ " + "[" * 60 + "]" * 60 + " }}", "levels deep"),
        ("{% if 1 %}" * 60 + "{% endif %}" * 60, "levels deep"),
        ("x" * MOST_SOURCE + "{{ 1 }}", "characters; at most"),
        # what it must not reach
        ("{{ ().__class__.__base__.__subclasses__() }}", "Call is not allowed"),
        ("{{ ''.__class__ }}", "nothing is known of '__class__'"),
        ("{{ site.__class__ }}", "nothing is known of '__class__'"),
        ("{{ site.keys }}", "nothing is known of 'keys'"),
        ("{{ self }}", "self is no value"),
        ("{{ site }}", "is no text"),
        ("{{ loop }}", "'loop' is undefined"),
        ("{{ cycler }}", "'cycler' is undefined"),
        ("{% include '/etc/passwd' %}", "Include is not allowed"),
        ("{% import 'os' as os %}", "is not allowed"),
        ("{% extends 'x' %}", "is not allowed"),
        ("{% block x %}{% endblock %}", "is not allowed"),
        ("{{ device | attr('__class__') }}", "no filter 'attr'"),
        ("{{ site.many | map('upper') }}", "no filter 'map'"),
        # what is simply wrong
        ("{{ site.regoin }}", "nothing is known of 'regoin'"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ nobody + 1 }}", "'nobody' is undefined"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ 'a' + 'b' }}", "texts are joined with ~"),
        ("{{ site.region", "template is wrong"),
        ("{% if %}", "template is wrong"),
        ("{% for x in 3 %}{% endfor %}", "can't be rendered"),
        ("{{ site.region is nosuch }}", "template is wrong"),
    ],
)
def test_a_hostile_or_wrong_template_is_refused_with_its_place(source, said):
    with pytest.raises(AcsError) as refused:
        render(source, FACTS, "cell.pci in site:x")
    assert said in str(refused.value)
    assert str(refused.value).startswith("cell.pci in site:x: ")
    assert len(str(refused.value)) < 500


def test_a_template_is_checked_before_there_is_a_device():
    with pytest.raises(AcsError, match="Call is not allowed"):
        check_template("{{ site.x() }}", "here")
    check_template("{{ site.whatever }}", "here")


WORDS = "{{ }} {% %} for x in site.many endfor site . | sort join ~ * ( ) [ ] 0 'a' if else endif loop = set"
PIECES = st.sampled_from([*WORDS.split(), " "])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_whatever_is_written_ends_with_a_text_or_a_sentence(source):
    with contextlib.suppress(AcsError):  # a sentence, which is tested above
        assert len(render(source, FACTS, "here")) <= MOST_OUTPUT


@given(st.text(max_size=60))
def test_what_is_no_template_stays_as_it_is(text):
    if not is_template(text) and "\r" not in text and not text.endswith("\n"):
        assert render(text, FACTS, "here") == text
