"""JSON in and out of the management API."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from flask import Flask

from app.api.wire import amount_of, read_object, reply, stamp, time_of
from core.errors import BadRequest
from core.money import usd


def test_dollars_are_written_digit_for_digit():
    assert reply({"a": usd(1), "b": usd(1_100_000_000), "c": Decimal("12.345")}).data == (
        b'{"a":1E-9,"b":1.1,"c":12.345}'
    )


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (None, None),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000Z"),
        (datetime(2026, 1, 1, 8, 0, 0, 123_999, timezone(timedelta(hours=8))), "2026-01-01T00:00:00.123Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(at, written):
    assert stamp(at) == written


@pytest.mark.parametrize(
    ("value", "nanos"), [(1, 10**9), (0.1, 10**8), (1e-7, 100), (None, None), (12.345678901, 12_345_678_901)]
)
def test_an_amount_is_read_exactly(value, nanos):
    assert amount_of({"limit": value}, "limit") == nanos


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-31T23:59:59Z", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T08:00:00+08:00", datetime(2026, 12, 31, tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_utc(text, at):
    assert time_of({"expires_at": text}, "expires_at") == at


@pytest.mark.parametrize("text", ["", "soon", 5, True, "2026-13-01", "9999-99-99T00:00:00Z"])
def test_what_is_no_time_is_refused_by_name(text):
    with pytest.raises(BadRequest) as refused:
        time_of({"expires_at": text}, "expires_at")

    assert refused.value.param == "expires_at"


@pytest.mark.parametrize(("body", "found"), [(b"", {}), (b"{}", {}), (b'{"name": "x"}', {"name": "x"})])
def test_an_object_with_known_fields_is_read(body, found):
    with Flask("test").test_request_context("/", method="POST", data=body):
        assert read_object({"name"}) == found


def test_an_unknown_field_is_named_with_the_known_ones():
    with (
        Flask("test").test_request_context("/", method="POST", data=b'{"nmae": 1}'),
        pytest.raises(BadRequest, match=r"no field 'nmae' here. Known are: limit, name"),
    ):
        read_object({"name", "limit"})
