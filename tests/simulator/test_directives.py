from dataclasses import fields
from pathlib import Path

import pytest

from simulator.directives import HALF, KNOWN, LIES, MALFORMED, Directives, bare_name, read_directives
from simulator.refusals import Refusal


def test_a_model_name_carries_directives():
    directives = read_directives("acme/tiny+chunks=5+delay=0.05+tokens=40+echo")

    assert directives == Directives(chunks=5, delay=0.05, tokens=40, echo=True)


def test_a_header_carries_directives_and_wins():
    directives = read_directives("tiny+tokens=1+chunks=2", ["tokens=9; delay=1", "echo;"])

    assert directives == Directives(tokens=9, chunks=2, delay=1.0, echo=True)


def test_the_bare_name_has_no_directives():
    assert bare_name("acme/tiny+chunks=5") == "acme/tiny"


def test_a_break_without_a_number_means_half():
    assert read_directives("tiny+cut").cut == HALF
    assert read_directives("tiny+cut=3").cut == 3


@pytest.mark.parametrize(
    "word",
    [
        *("tokens", "tokens=", "tokens=-1", "tokens=1.5", "tokens=100001", "tokens=many", "tokens=٣"),
        *("tokens=" + "9" * 5000, "prompt=10000001", "chunks=0", "chunks=100001", "overrun=100001"),
        *("delay", "delay=-1", "delay=nan", "delay=inf", "delay=120.1", "wait=121", "drip=1e9"),
        *("status=200", "status=600", "retry_after=86401", "malformed", "malformed=much", "usage=true"),
        *("echo=1", "refuse=yes", "cut=-1", "cut=100001", "error_mid=-1", "calls=0", "calls=9", "filter=1"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_name(word):
    with pytest.raises(Refusal, match=word.partition("=")[0]) as refused:
        read_directives("tiny+" + word)

    assert refused.value.status == 400


def test_an_unknown_directive_is_refused_and_told_all_that_are_known():
    with pytest.raises(Refusal) as refused:
        read_directives("tiny+explode")

    assert all(name in refused.value.message for name in KNOWN)


async def test_an_unknown_directive_gets_a_400_over_http(caller):
    async with caller.post(headers={"X-Simulator": "explode"}) as response:
        error = (await response.json())["error"]

    assert response.status == 400
    assert "hang_mid" in error["message"]
    assert caller.records[-1]["how"] == "error:400"


def test_faults_are_named_as_they_were_asked_for():
    directives = read_directives("tiny+tokens=4+cut=0+hang_mid+usage=x10+cookies+drip=0.5")

    assert directives.fault() == "hang_mid+cut=0+usage=x10+drip=0.5+cookies"
    assert read_directives("tiny+tokens=4+delay=1").fault() is None


def test_every_directive_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()

    names = [field.name for field in fields(Directives)]
    assert [name for name in names if f"`{name}" not in page] == []
    assert [kind for kind in (*MALFORMED, *LIES) if f"`{kind}`" not in page] == []
