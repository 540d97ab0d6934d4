from dataclasses import replace
from uuid import UUID

import pytest

from core.rules.health import CLOSED, HEALTHY, PROBE_MS, Circuit, Health, Pace
from proxy.routing.healths import Healths
from tests.proxy.routing.offers import offer

ACME, OWN = offer("acme"), offer("own")
NAME = ACME.name
ME, YOU = UUID(int=1), UUID(int=2)


class Time:
    """A clock a test sets."""

    def __init__(self):
        self.ms = 1_000_000

    def __call__(self):
        return self.ms


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def healths(time):
    return Healths(time)


def fail(healths, found, times=1, account=ME, **how):
    for _ in range(times):
        with healths.begin(found, account) as attempt:
            attempt.failed(**how)


def told(openings, until_ms):
    """What another process says of an offer, for everybody."""
    return {"for_all": Circuit(openings, until_ms), "own": CLOSED, "account": None}


def test_offers_stand_each_for_itself(healths):
    fail(healths, ACME, 3)

    assert (healths.standing(ACME, ME), healths.standing(OWN, ME)) == ("open", "healthy")


def test_a_success_between_failures_begins_the_count_anew(healths):
    fail(healths, ACME, 2)
    with healths.begin(ACME, ME) as attempt:
        attempt.served(10)
    fail(healths, ACME, 2)

    assert healths.standing(ACME, ME) == "healthy"


def test_a_stream_that_begins_and_breaks_is_a_failure_and_what_began_before_does_not_make_up_for_it(healths):
    for _ in range(3):
        with healths.begin(ACME, ME) as attempt:
            attempt.answered()
            attempt.failed()

    assert healths.standing(ACME, ME) == "open"


def test_one_attempt_of_many_is_the_probe_and_its_success_closes(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000
    assert healths.standing(ACME, ME) == "due"

    with healths.begin(ACME, ME) as probe:
        assert healths.standing(ACME, ME) == "open"
        probe.answered()

        assert healths.standing(ACME, ME) == "healthy"


def test_a_probe_that_is_left_by_its_client_lets_the_next_one_try(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000

    with healths.begin(ACME, ME):
        assert healths.standing(ACME, ME) == "open"

    assert healths.standing(ACME, ME) == "due"


def test_an_attempt_that_is_not_the_probe_does_not_end_it(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000

    with healths.begin(ACME, ME):
        with healths.begin(ACME, ME):
            pass

        assert healths.standing(ACME, ME) == "open"


def test_a_probe_that_fails_opens_for_twice_as_long(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000
    fail(healths, ACME)
    time.ms += 9_999
    assert healths.standing(ACME, ME) == "open"

    time.ms += 1

    assert healths.standing(ACME, ME) == "due"


@pytest.mark.parametrize("change", [{"api_key": "another"}, {"base_url": "http://elsewhere"}])
def test_another_credential_or_address_is_given_a_new_chance(healths, change):
    fail(healths, ACME, at_once=True)

    changed = replace(ACME, provider=replace(ACME.provider, **change))

    assert (
        healths.standing(replace(ACME, provider=replace(ACME.provider)), ME) == "open"
    )  # the same, read anew
    assert healths.standing(changed, ME) == "healthy"


def test_an_older_word_of_another_process_does_not_undo_that(healths, time):
    fail(healths, ACME, at_once=True)
    healths.standing(replace(ACME, provider=replace(ACME.provider, api_key="another")), ME)

    healths.hear_health(NAME, at_ms=time.ms - 1, **told(1, time.ms + 5_000))

    assert dict(healths.unsaid_health()) == {}
    assert healths._known[NAME].health == HEALTHY


def test_the_last_word_holds_whoever_said_it(healths, time):
    healths.hear_health(NAME, at_ms=time.ms, **told(2, time.ms + 10_000))
    assert healths.standing(ACME, ME) == "open"

    healths.hear_health(NAME, at_ms=time.ms - 5, **told(0, 0))
    assert healths.standing(ACME, ME) == "open"

    healths.hear_health(NAME, at_ms=time.ms + 5, **told(0, 0))
    assert healths.standing(ACME, ME) == "healthy"


def test_hearing_ones_own_word_again_forgets_no_failure(healths, time):
    fail(healths, ACME, at_once=True)
    with healths.begin(ACME, ME) as attempt:
        attempt.served(1)
    [(name, known)] = healths.unsaid_health()
    said_ms = known.health_ms
    fail(healths, ACME, 2)

    healths.hear_health(name, at_ms=said_ms, **told(0, 0))

    assert known.health == Health(failed=(ME, ME))


def test_what_an_account_meets_alone_takes_an_offer_from_nobody_else(healths):
    fail(healths, ACME, 100)

    assert (healths.standing(ACME, ME), healths.standing(ACME, YOU)) == ("open", "healthy")


def test_what_no_client_can_bring_about_takes_it_from_all(healths):
    fail(healths, ACME, 3, for_all=True)

    assert (healths.standing(ACME, ME), healths.standing(ACME, YOU)) == ("open", "open")


def test_a_stream_of_another_account_that_begins_leaves_what_is_open_for_one_as_it_is(healths):
    fail(healths, ACME, 3)

    with healths.begin(ACME, YOU) as attempt:
        attempt.answered()
        attempt.served(1)

    assert healths.standing(ACME, ME) == "open"


def test_a_probe_that_takes_too_long_lets_another_call_try(healths, time):
    fail(healths, ACME, for_all=True, at_once=True)
    time.ms += 5_000

    with healths.begin(ACME, ME):
        assert healths.probing() == [NAME]
        time.ms += PROBE_MS

        assert (healths.standing(ACME, YOU), healths.probing()) == ("due", [])


def test_an_offer_that_is_probed_elsewhere_is_passed_over_for_a_second(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000

    healths.begin(ACME, ME).give_way()

    assert (healths.standing(ACME, ME), healths.probing()) == ("open", [])
    time.ms += 1_000
    assert healths.standing(ACME, ME) == "due"


def test_a_probe_that_failed_for_one_account_leaves_the_next_one_to_another(healths, time):
    fail(healths, ACME, for_all=True, at_once=True)
    time.ms += 5_000

    fail(healths, ACME)

    assert (healths.standing(ACME, ME), healths.standing(ACME, YOU)) == ("open", "due")


def test_two_processes_whose_probes_fail_lengthen_the_pause_once(healths, time):
    fail(healths, ACME, at_once=True)
    time.ms += 5_000

    with healths.begin(ACME, ME) as probe:
        healths.hear_health(NAME, at_ms=time.ms + 1, **told(2, time.ms + 10_000))
        probe.failed()

    assert healths._known[NAME].health == Health(for_all=Circuit(2, time.ms + 10_000))


def test_only_what_changed_between_open_and_closed_is_told(healths):
    fail(healths, OWN, 2)
    fail(healths, ACME, 3)

    assert [name for name, _ in healths.unsaid_health()] == [NAME]


def test_a_pace_heard_of_is_met_in_the_middle(healths, time):
    healths.hear_pace(NAME, Pace(100.0, 10.0), at_ms=time.ms)
    healths.hear_pace(NAME, Pace(300.0, 30.0), at_ms=time.ms + 1)
    healths.hear_pace(NAME, Pace(9.0, 9.0), at_ms=time.ms)  # older

    assert healths.pace(ACME) == Pace(200.0, 20.0)


def test_an_answer_that_is_served_tells_how_fast_the_offer_is(healths):
    with healths.begin(ACME, ME) as attempt:
        attempt.answered()
        attempt.served(1000)

    pace = healths.pace(ACME)
    assert 0 <= pace.first_ms < 1000
    assert pace.tokens_per_s > 1000
    assert [name for name, _ in healths.unsaid_pace()] == [NAME]


def test_no_more_offers_are_known_of_than_there_is_room_for(healths, time, monkeypatch):
    monkeypatch.setattr("proxy.routing.healths.MOST", 2)

    for number in range(5):
        healths.hear_health(f"offer{number}", at_ms=time.ms, **told(1, time.ms + 1))

    assert list(healths._known) == ["offer3", "offer4"]
