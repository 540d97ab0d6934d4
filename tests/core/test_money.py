"""Amounts are exact: read, written and rounded without a float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import MAX_USD, NANOS_PER_USD, divide_up, format_usd, parse_usd, usd, write_usd

MOST = int(MAX_USD) * NANOS_PER_USD


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("0.15", 150_000_000),
        ("1.10", 1_100_000_000),
        ("0.000000001", 1),
        ("-3", -3_000_000_000),
        ("1e-9", 1),
        ("9000000", MOST),
        ("-9000000", -MOST),
        ("8999999.999999999", MOST - 1),
    ],
)
def test_an_amount_of_dollars_is_read_exactly(text, nanos):
    assert parse_usd(text) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1_000",
        "٣",
        "0x10",
        "1,5",
        "9000000.000000001",
        "1e400",
        "1e999999",
        "1e-10",
        "1e-2000000",
        "0.1234567891",
        "0.123456789" + "0" * 40 + "1",
        "0." + "0" * 500 + "1",
    ],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError):
        parse_usd(text)


def test_a_refusal_does_not_repeat_a_long_text():
    with pytest.raises(ValueError) as refusal:
        parse_usd("9" * 100_000)

    assert len(str(refusal.value)) < 200


@given(st.integers(-MOST, MOST))
def test_what_is_written_reads_back_the_same(nanos):
    assert parse_usd(str(usd(nanos))) == nanos
    assert parse_usd(write_usd(nanos)) == nanos
    assert parse_usd(format_usd(nanos).replace("$", "").replace(",", "")) == nanos


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"),
        (1_100_000_000, "$1.10"),
        (123_450, "$0.00012345"),
        (-3_000_000_000, "-$3.00"),
        (-1, "-$0.000000001"),
        (1_234_567_890_000_000, "$1,234,567.89"),
    ],
)
def test_amounts_are_written_for_people(nanos, text):
    assert format_usd(nanos) == text


def test_fewer_decimals_may_be_asked_for():
    assert format_usd(3_000_000_000, places=0) == "$3"
    assert format_usd(3_500_000_000, places=0) == "$3.5"


@pytest.mark.parametrize(
    ("nanos", "dollars"), [(0, "0"), (1_100_000, "0.0011"), (5_000_000_000, "5"), (MOST, "9000000")]
)
def test_dollars_for_json_are_plain(nanos, dollars):
    assert usd(nanos) == Decimal(dollars)
    assert "E" not in str(usd(nanos))
    assert write_usd(nanos) == dollars


@given(st.integers(0, 10**40), st.integers(1, 10**20))
def test_division_rounds_up_and_never_by_a_whole(numerator, denominator):
    quotient = divide_up(numerator, denominator)

    assert 0 <= quotient * denominator - numerator < denominator
