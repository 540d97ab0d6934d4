from datetime import UTC, datetime, timedelta

import pytest

from app.rows.usage import Cursor, call_row
from core.ids import uuid7
from core.models import UsageEvent

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def event(*, seconds_ago: float = 0, **fields) -> UsageEvent:
    plain = {"status": 200, "reason": "done", "request_id": uuid7()}
    return UsageEvent(**{**plain, **fields}, ended_at=NOW - timedelta(seconds=seconds_ago))


def test_a_cursor_survives_its_way_through_an_address():
    cursor = Cursor.after([event(), event(seconds_ago=3)], otherwise=NOW)

    assert Cursor.read(str(cursor)) == cursor
    assert cursor.at == NOW


def test_a_cursor_remembers_only_rows_that_could_come_again():
    cursor = Cursor.after([event(), event(seconds_ago=3), event(seconds_ago=60)], otherwise=NOW)

    assert len(cursor.seen) == 2


def test_a_row_that_was_committed_late_is_new_all_the_same():
    first, late = event(), event(seconds_ago=2)

    cursor = Cursor.after([first], otherwise=NOW)

    assert late.ended_at > cursor.since
    assert cursor.new_among([first, late]) == [late]


@pytest.mark.parametrize(
    "text", ["", "x", "1.", "1.zz", "1.abc", " 1", "1\n", "１２", "9" * 18, "1." + "a" * 10_000]
)
def test_what_is_no_cursor_is_none(text):
    assert Cursor.read(text) is None


def test_the_longest_cursor_can_be_read():
    cursor = Cursor.after([event() for _ in range(50)], otherwise=NOW)

    assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize(
    ("fields", "tone", "noted"),
    [
        ({}, "good", False),
        ({"reason": "client_gone"}, "warn", True),
        ({"status": 402, "reason": "insufficient_credits"}, "bad", True),
        ({"status": 502, "reason": "never heard of"}, "bad", True),
    ],
)
def test_how_a_call_went_has_a_tone_and_words(app, fields, tone, noted):
    with app.test_request_context():
        row = call_row(event(**fields), key_name="k")

    assert row.tone == tone
    assert bool(row.note) is noted
