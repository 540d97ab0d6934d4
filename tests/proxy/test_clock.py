import time

from proxy.clock import Clock

HOUR_MS = 3_600_000


def between(clock):
    """What the clock says, and this machine's time right before and after, in whole milliseconds."""
    before = int(time.time() * 1000)
    said = clock.now_ms()
    return before, said, int(time.time() * 1000)


def test_a_clock_that_was_never_set_is_that_of_this_machine():
    before, said, after = between(Clock())

    assert before <= said <= after


def test_a_clock_that_was_set_goes_on_with_that_difference():
    clock = Clock()

    clock.set(1_000_000, at_ms=1_000_000 - HOUR_MS)  # Redis is an hour ahead

    before, said, after = between(clock)
    assert before + HOUR_MS <= said <= after + HOUR_MS


def test_without_a_moment_it_is_set_as_of_now():
    clock = Clock()
    before = time.time() * 1000

    clock.set(before - HOUR_MS)  # Redis is an hour behind, but for what passed since

    first, said, after = between(clock)
    assert said <= first - HOUR_MS + 1
    assert after - HOUR_MS - said <= after - before + 1


def test_it_may_be_set_back():
    clock = Clock()
    clock.set(5 * HOUR_MS, at_ms=0)

    clock.set(-HOUR_MS, at_ms=0)

    before, said, after = between(clock)
    assert before - HOUR_MS <= said <= after - HOUR_MS
