import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.health import (
    FIRST_PAUSE_MS,
    HEALTHY,
    LONGEST_PAUSE_MS,
    UNKNOWN,
    Health,
    Pace,
    between,
    failed,
    let_go,
    moved,
    probed,
)

NOW = 1_000_000


def after_failures(count, **how):
    health = HEALTHY
    for _ in range(count):
        health = failed(health, now_ms=NOW, is_probe=False, **how)
    return health


@pytest.mark.parametrize(
    ("health", "at_ms", "standing"),
    [
        (HEALTHY, NOW, "healthy"),
        (Health(failures=2), NOW, "healthy"),
        (Health(3, 1, NOW + 5_000), NOW, "open"),
        (Health(3, 1, NOW + 5_000), NOW + 4_999, "open"),
        (Health(3, 1, NOW + 5_000), NOW + 5_000, "due"),
        (Health(3, 1, NOW + 5_000, is_probed=True), NOW + 5_000, "open"),
        (Health(3, 1, NOW + LONGEST_PAUSE_MS), NOW, "open"),
        (Health(3, 1, NOW + LONGEST_PAUSE_MS + 1), NOW, "due"),  # the clock was set back
    ],
)
def test_an_offer_is_tried_unless_its_pause_lasts_or_its_probe_is_out(health, at_ms, standing):
    assert health.standing(at_ms) == standing


@pytest.mark.parametrize(
    ("failures", "how", "expected"),
    [
        (1, {}, Health(1)),
        (2, {}, Health(2)),
        (3, {}, Health(3, 1, NOW + 5_000)),
        (4, {}, Health(3, 1, NOW + 5_000)),  # it was begun before the offer opened
        (1, {"at_once": True}, Health(1, 1, NOW + 5_000)),
        (1, {"pause_ms": 2_000}, Health(1, 1, NOW + 2_000)),
        (1, {"pause_ms": 0}, Health(1, 1, NOW)),
        (1, {"pause_ms": 10**12}, Health(1, 1, NOW + LONGEST_PAUSE_MS)),
    ],
)
def test_failures_in_a_row_open_an_offer(failures, how, expected):
    assert after_failures(failures, **how) == expected


def test_a_pause_grows_with_each_probe_that_fails_up_to_the_longest():
    health, pauses = after_failures(3), []
    for _ in range(12):
        pauses.append(health.until_ms - NOW)
        health = failed(probed(health), now_ms=NOW, is_probe=True)

    assert pauses == [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, *[300_000] * 6]
    assert not health.is_probed


def test_one_probe_is_out_at_a_time():
    due = after_failures(3)
    later = NOW + FIRST_PAUSE_MS

    out = probed(due)

    assert (due.standing(later), out.standing(later), let_go(out).standing(later)) == ("due", "open", "due")


def test_what_another_call_meets_leaves_the_probe_alone():
    out = probed(after_failures(3))

    assert failed(out, now_ms=NOW, is_probe=False) == out
    assert failed(out, now_ms=NOW, is_probe=False, pause_ms=9_000) == Health(
        4, 1, NOW + 9_000, is_probed=True
    )


def test_a_probe_that_fails_after_another_call_succeeded_is_one_failure():
    assert failed(HEALTHY, now_ms=NOW, is_probe=True) == Health(1)


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.none() | st.integers(0, 10**9), st.integers(0, 10**6)),
        max_size=40,
    )
)
def test_whatever_fails_an_offer_is_due_again_within_the_longest_pause(failures):
    health, now_ms = HEALTHY, NOW
    for is_probe, at_once, pause_ms, passed_ms in failures:
        now_ms += passed_ms
        health = failed(health, now_ms=now_ms, is_probe=is_probe, at_once=at_once, pause_ms=pause_ms)

    assert health.until_ms - now_ms <= LONGEST_PAUSE_MS
    assert health.standing(now_ms + LONGEST_PAUSE_MS) in {"healthy", "due"}


def test_an_estimate_moves_by_an_eighth_of_the_difference():
    assert moved(None, 80.0) == 80.0
    assert moved(80.0, 160.0) == 90.0
    assert moved(80.0, 0.0) == 70.0


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (UNKNOWN, UNKNOWN, UNKNOWN),
        (Pace(100.0, None), Pace(200.0, 7.0), Pace(150.0, 7.0)),
        (Pace(100.0, 5.0), UNKNOWN, Pace(100.0, 5.0)),
    ],
)
def test_two_processes_believe_the_middle_of_what_they_measured(one, other, both):
    assert between(one, other) == both
    assert between(other, one) == both
