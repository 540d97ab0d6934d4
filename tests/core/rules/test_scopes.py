"""Names of what a call counts against: counters live under them, so they must tell everything apart."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from uuid import UUID

import pytest

from core.rules.scopes import NO_THRESHOLD_N, Fuse, Quota, Subject

ONE, OTHER = UUID(int=1), UUID(int=2)
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
END_MS = 1_772_409_600_000


def quota(scope="plan", unit="tokens", quota_id=ONE, end=END):
    return Quota(scope, quota_id, unit, 1000, START, end)


def test_names_say_the_scope_and_whose():
    assert Subject("member", ONE).name == f"m:{ONE.hex}"
    assert Fuse("org", OTHER, 1, 2).name == f"o:{OTHER.hex}"
    assert quota().name == f"p:{ONE.hex}:t@{END_MS}"
    assert (quota().subject, quota("session").subject) == (f"p:{ONE.hex}", f"e:{ONE.hex}")


def test_no_two_quotas_share_a_counter():
    units, ends = ("usd", "tokens", "points", "requests"), (END, END + timedelta(milliseconds=1))

    names = [quota(*place).name for place in product(("plan", "session"), units, (ONE, OTHER), ends)]

    assert len(set(names)) == len(names) == 32


def test_the_zone_a_moment_is_written_in_is_no_part_of_a_name():
    taipei = END.astimezone(timezone(timedelta(hours=8)))

    assert quota(end=taipei).name == quota().name


def test_a_limit_is_no_part_of_a_name():
    assert Subject("key", ONE, 5, "day").name == Subject("key", ONE).name
    assert Fuse("team", ONE, 1, 2, is_shadow=True).name == Fuse("team", ONE, 3, 4).name


@pytest.mark.parametrize(("scope", "last"), [("plan", False), ("session", True)])
def test_quotas_of_sessions_are_asked_after_the_wallet(scope, last):
    assert quota(scope).is_last is last


def test_names_hold_no_sign_that_separates_them_in_a_hold():
    names = [Subject("team", ONE).name, quota().name, Fuse("org", ONE, 1, 1).name]

    assert not any(sign in name for sign in "|;#," for name in names)


def test_a_breaker_that_is_off_can_never_trip():
    assert 4_000_000 * 10**9 < NO_THRESHOLD_N < 2**53  # dollars in an hour; what Lua counts exactly
