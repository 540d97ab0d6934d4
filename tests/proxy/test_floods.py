"""Who is refused over and over is refused without a look, for a while."""

from uuid import uuid4

import pytest

from core.charging.calls import Caller
from proxy import floods as module
from proxy.floods import Flooding, Floods


class Watch:
    now = 1000.0

    def __call__(self):
        return self.now


def caller(rpm=2):
    return Caller(uuid4(), 1, uuid4(), 1, 0, uuid4(), rpm=rpm)


@pytest.fixture
def watch():
    return Watch()


def test_ten_times_the_rate_may_be_refused_within_a_minute(watch):
    floods, somebody = Floods(watch), caller(rpm=2)

    for _ in range(20):
        floods.check(somebody)
        floods.count(somebody)

    floods.check(somebody)
    floods.count(somebody)
    with pytest.raises(Flooding, match="20 refused requests a minute") as refused:
        floods.check(somebody)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 4)
    assert floods.wait_s(somebody) == 4


def test_refusals_are_forgotten_as_time_goes_on(watch):
    floods, somebody = Floods(watch), caller(rpm=2)
    for _ in range(21):
        floods.count(somebody)

    watch.now += 3  # a twentieth of a minute: one refusal

    assert floods.wait_s(somebody) == 0
    floods.check(somebody)
    floods.count(somebody)
    with pytest.raises(Flooding):
        floods.check(somebody)


def test_one_caller_does_not_pay_for_another(watch):
    floods, loud, quiet = Floods(watch), caller(rpm=1), caller(rpm=1)

    for _ in range(50):
        floods.count(loud)

    floods.check(quiet)


def test_an_unlimited_caller_is_never_flooding_and_the_memory_has_an_end(watch, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    floods, free = Floods(watch), caller(rpm=0)

    for _ in range(100):
        floods.count(free)
    for _ in range(5):
        floods.count(caller())

    floods.check(free)
    assert len(floods._paid_until) == 3
