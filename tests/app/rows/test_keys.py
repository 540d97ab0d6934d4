from datetime import UTC, datetime, timedelta

import pytest

from app.rows.keys import Spent, key_row, state_of
from core.models import ApiKey

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def key(**fields) -> ApiKey:
    plain = {"enabled": True, "expires_at": None, "spend_limit_n": None, "spend_limit_period": "month"}
    return ApiKey(**{**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "spent", "state"),
    [
        ({}, Spent(), "active"),
        ({"enabled": False}, Spent(), "disabled"),
        ({"expires_at": NOW}, Spent(), "expired"),
        ({"expires_at": NOW + timedelta(seconds=1)}, Spent(), "active"),
        ({"spend_limit_n": 100}, Spent(month=99), "active"),
        ({"spend_limit_n": 100}, Spent(month=100), "paused"),
        ({"spend_limit_n": 100, "spend_limit_period": "day"}, Spent(month=100, day=1), "active"),
        ({"spend_limit_n": 100, "enabled": False}, Spent(month=100), "disabled"),
    ],
)
def test_the_state_is_what_the_next_call_would_meet(fields, spent, state):
    assert state_of(key(**fields), spent, now=NOW) == state


def test_a_row_counts_what_its_limit_counts():
    row = key_row(key(spend_limit_period="week"), Spent(1, 2, 3, 4), last_used_at=None, now=NOW)

    assert row.against_limit_n == 2
