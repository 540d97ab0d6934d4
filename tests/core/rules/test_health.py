from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.health import (
    CLOSED,
    FIRST_PAUSE_MS,
    HEALTHY,
    LONGEST_PAUSE_MS,
    PROBE_MS,
    UNKNOWN,
    Circuit,
    Failure,
    Health,
    Pace,
    between,
    failed,
    heard,
    moved,
    probed,
    served,
)

NOW = 1_000_000
A, B, C = (UUID(int=number) for number in (1, 2, 3))
ACCOUNTS = {"A": A, "B": B, "C": C, "-": None}  # "-": no client can be the cause


def after(story, health=HEALTHY):
    """What became of an offer. `A` is a failed call of that account, `A!` one that tells enough by itself, `A9`
    one that was asked to stay away for nine seconds, `A?` a probe that failed; `a` is a call that was served.
    """
    for word in story.split():
        if word.islower():
            health = served(health, ACCOUNTS[word.upper()])
            continue
        name, how = word[0], word[1:]
        pause_ms = int(how) * 1000 if how.isdigit() else None
        failure = Failure(ACCOUNTS[name], at_once=how == "!", pause_ms=pause_ms)
        health = failed(health, failure, now_ms=NOW, is_probe=how == "?")
    return health


def pauses(health):
    """For how many seconds it is open for all; for whom else, and how long."""
    named = {account: name for name, account in ACCOUNTS.items() if account}
    for_all_s, own_s = ((c.until_ms - NOW) // 1000 if c.openings else None for c in health.circuits[:2])
    return (for_all_s, named[health.account], own_s) if own_s is not None else for_all_s


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        # One account, whatever it does, takes the offer from itself alone.
        ("", None),
        ("A A", None),
        ("A A A", (None, "A", 5)),
        ("A A A A A A", (None, "A", 5)),  # they were begun before it opened
        ("A!", (None, "A", 5)),
        ("A2", (None, "A", 2)),
        ("A0", (None, "A", 0)),
        ("A999999", (None, "A", 300)),
        ("A A a A A", None),
        ("A A b A A", None),  # it works for others
        ("A A A A? A?", (None, "A", 20)),
        ("A! A9", (None, "A", 9)),
        # Of several accounts each is one witness, however often it fails.
        ("A B", None),
        ("A A B", None),
        ("A A B B", None),
        ("A B C", 5),
        ("A A A B", (None, "A", 5)),
        ("A A A B C", 5),
        ("A B b C", None),
        ("A B a C", None),
        # Or two met the same: each would have opened it.
        ("A A A B B B", 5),
        ("A! B!", 5),
        ("A9 B7", 7),
        ("A A A A? A? A? B!", 5),  # how long it is for all is not in the hands of one
        ("A A A b B B B", (None, "B", 5)),  # it worked between
        # What no client can bring about counts each time.
        ("- -", None),
        ("- - -", 5),
        ("A - -", 5),
        ("A A -", None),
        ("A B -", 5),
        ("-!", 5),
        ("-7", 7),
        ("A! -!", 5),
        ("A! -", (None, "A", 5)),
        ("A! -?", (None, "A", 10)),
        # It is open for all. Who probes it in vain keeps it from nobody else; a second one does.
        ("-! A A A B B B", 5),
        ("-! A!", 5),
        ("-! A?", (5, "A", 10)),
        ("-! A? A?", (5, "A", 20)),
        ("-! A? B?", 10),
        ("-! A? B? B? A?", 20),
        ("-! -?", 10),
        ("-! A60", (5, "A", 60)),
        ("-! A60 B40", 40),
        # What works is closed for all; what is open for one alone only its own calls close.
        ("-! a", None),
        ("A B C a", None),
        ("A A A a", None),
        ("A A A b", (None, "A", 5)),
        ("-! A? b", (None, "A", 10)),
        ("-! A? a", None),
    ],
)
def test_whom_failures_take_an_offer_from_and_for_how_long(story, expected):
    assert pauses(after(story)) == expected


@pytest.mark.parametrize(
    ("health", "at_ms", "of_a", "of_b"),
    [
        (HEALTHY, NOW, "healthy", "healthy"),
        (after("A B"), NOW, "healthy", "healthy"),
        (after("-!"), NOW, "open", "open"),
        (after("-!"), NOW + 4_999, "open", "open"),
        (after("-!"), NOW + 5_000, "due", "due"),
        (after("A!"), NOW + 4_999, "open", "healthy"),
        (after("A!"), NOW + 5_000, "due", "healthy"),
        (after("-! A?"), NOW + 5_000, "open", "due"),
        (after("-! A?"), NOW + 10_000, "due", "due"),
        (Health(for_all=Circuit(1, NOW + LONGEST_PAUSE_MS)), NOW, "open", "open"),
        (Health(for_all=Circuit(1, NOW + LONGEST_PAUSE_MS + 1)), NOW, "due", "due"),  # the clock was set back
    ],
)
def test_an_offer_is_passed_over_by_whom_it_is_open_for_while_a_pause_lasts(health, at_ms, of_a, of_b):
    assert (health.standing(at_ms, A), health.standing(at_ms, B)) == (of_a, of_b)


@pytest.mark.parametrize(
    ("at_ms", "until_ms", "standing"),
    [
        (NOW, NOW + PROBE_MS, "open"),
        (NOW + PROBE_MS - 1, NOW + PROBE_MS, "open"),
        (NOW + PROBE_MS, NOW + PROBE_MS, "due"),  # it takes too long: another may try
        (NOW, NOW + PROBE_MS + 1, "due"),  # the clock was set back
        (NOW, 0, "due"),
    ],
)
def test_one_probe_is_out_at_a_time(at_ms, until_ms, standing):
    due = Health(for_all=Circuit(1, NOW))

    assert probed(due, until_ms=until_ms).standing(at_ms, A) == standing


def test_a_probe_for_one_account_is_nothing_to_the_others():
    out = probed(after("A!"), until_ms=NOW + 5_000 + PROBE_MS)

    assert (out.standing(NOW + 5_000, A), out.standing(NOW + 5_000, B)) == ("open", "healthy")


def test_what_another_call_meets_leaves_the_probe_alone():
    out = probed(after("-!"), until_ms=NOW + PROBE_MS)

    assert after("B", out) == out
    assert after("A9 B9", out).probe_until_ms == NOW + PROBE_MS


@pytest.mark.parametrize("who", ["-", "A"])
def test_a_pause_grows_with_each_probe_that_fails_up_to_the_longest_also_for_an_account_that_is_alone(who):
    health, seen = after(f"{who} {who} {who}"), []
    for _ in range(12):
        seen.append(max(circuit.until_ms for circuit in health.circuits[:2]) - NOW)
        health = after(f"{who}?", health)

    assert seen == [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, *[300_000] * 6]


def test_a_probe_that_fails_after_another_call_succeeded_is_one_failure():
    assert after("A?") == Health(failed=(A,))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((CLOSED, CLOSED, None), HEALTHY),
        ((Circuit(2, NOW), CLOSED, None), Health((), Circuit(2, NOW), probe_until_ms=7)),
        ((CLOSED, Circuit(1, NOW), A), Health((A,), CLOSED, Circuit(1, NOW), A, 7)),
        ((Circuit(2, NOW), Circuit(3, NOW), A), Health((), Circuit(2, NOW), Circuit(3, NOW), A, 7)),
        ((CLOSED, Circuit(1, NOW), None), HEALTHY),  # nobody's own
    ],
)
def test_what_another_process_tells_is_taken_over_and_a_probe_of_ours_goes_on(told, expected):
    assert heard(Health(failed=(B, C), probe_until_ms=7), *told) == expected


FAILURES_OF_ONE = st.tuples(
    st.booleans(), st.booleans(), st.none() | st.integers(0, 10**9), st.integers(0, 10**6)
)


@given(st.lists(FAILURES_OF_ONE, max_size=40))
def test_whatever_one_account_does_the_offer_stays_well_for_others_and_due_for_itself_in_time(failures):
    health, now_ms = HEALTHY, NOW
    for is_probe, at_once, pause_ms, passed_ms in failures:
        now_ms += passed_ms
        may_probe = is_probe and health.standing(now_ms, A) == "due"
        health = failed(health, Failure(A, at_once, pause_ms), now_ms=now_ms, is_probe=may_probe)

    assert health.standing(now_ms, B) == "healthy"
    assert health.own.until_ms - now_ms <= LONGEST_PAUSE_MS
    assert health.standing(now_ms + LONGEST_PAUSE_MS, A) in {"healthy", "due"}


@given(st.lists(FAILURES_OF_ONE, max_size=40))
def test_whatever_one_account_does_an_offer_open_for_all_is_due_for_others_when_its_pause_is_over(failures):
    health, now_ms = after("-!"), NOW
    for is_probe, at_once, pause_ms, passed_ms in failures:
        now_ms += passed_ms
        may_probe = is_probe and health.standing(now_ms, A) == "due"
        health = failed(health, Failure(A, at_once, pause_ms), now_ms=now_ms, is_probe=may_probe)

    assert health.standing(NOW + FIRST_PAUSE_MS, B) == "due"


@given(st.lists(st.tuples(st.sampled_from([A, B, C, None]), st.booleans(), st.booleans()), max_size=60))
def test_what_is_kept_of_failures_has_a_bound(failures):
    health = HEALTHY
    for account, at_once, is_probe in failures:
        health = failed(health, Failure(account, at_once), now_ms=NOW, is_probe=is_probe)

    assert len(health.failed) <= 6


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
