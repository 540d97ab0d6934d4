from dataclasses import replace

import pytest

from bench import rounds
from bench.cores import ours
from bench.peers import upstream
from bench.rounds import BURST, PLAIN, Measured, Phase, Timing, interleaved, measure

SHORT = Timing(warm_s=0.1, measure_s=0.3, rounds=1)
CALLS, STREAMS = Phase("plain 4", PLAIN, 4), Phase("burst 2", BURST, 2)


def test_a_run_gives_every_figure(source):
    made = measure(source, CALLS, source, timing=SHORT, number=2)

    assert (made.target, made.phase, made.round, made.faults) == ("direct", "plain 4", 2, [])
    assert made.units_per_s > 0
    assert 0 < made.p50_us <= made.p99_us
    assert made.first_p50_us is None
    # Of the figures that are taken at the same moments, one follows from the others.
    assert made.cores == pytest.approx(made.cpu_us * made.units_per_s / 1e6, rel=0.5)


def test_a_stream_is_measured_by_its_events(source):
    made = measure(source, STREAMS, source, timing=SHORT, number=0)

    assert made.faults == []
    assert 0 < made.first_p50_us <= made.p50_us
    assert made.cpu_us > 0


def test_a_target_that_answers_from_nowhere_is_noticed(source):
    with upstream(ours()) as other:
        made = measure(other, CALLS, source, timing=SHORT, number=0)

    assert [fault.partition(" calls were answered, ")[2] for fault in made.faults] == [
        "the upstream was asked 0 times"
    ]


@pytest.mark.parametrize(
    ("off", "said"), [(-2, "2 calls too few are booked"), (3, "3 calls too many are booked")]
)
def test_books_that_do_not_hold_what_was_answered_are_noticed(source, monkeypatch, off, said):
    monkeypatch.setattr(rounds, "SETTLE_S", 0.1)
    before = rounds.calls_served(source.port)

    def booked():
        answered = rounds.calls_served(source.port) - before
        return answered + off if answered else 0

    made = measure(replace(source, booked=booked), CALLS, source, timing=SHORT, number=0)

    assert made.faults == [said]


def test_what_a_target_leans_on_is_counted_per_call(source):
    asked = iter([100, 100 + 10**6])
    leaning = replace(
        source, parts={**source.parts, "store": source.parts["relay"]}, scripts=lambda: next(asked)
    )

    made = measure(leaning, CALLS, source, timing=SHORT, number=0)

    assert made.parts_us["store"] > 0
    assert made.scripts > 1


def test_every_target_has_its_turn_in_every_phase(source, monkeypatch):
    monkeypatch.setattr(rounds, "PHASES", (CALLS, STREAMS))
    measured = []

    def note(target, phase, _upstream, *, timing, number):
        measured.append((number, phase.name, target.name))
        return Measured(target.name, phase.name, number)

    monkeypatch.setattr(rounds, "measure", note)
    targets = [replace(source, name=name) for name in "abc"]
    told = []

    found = interleaved(targets, source, timing=replace(SHORT, rounds=2), tell=told.append)

    assert len(found) == 12
    assert [name for number, phase, name in measured if phase == "plain 4" and number >= 0] == list("abcbca")
    assert told[-1] == "round 2 of 2: burst 2"


def test_the_estimate_is_that_of_all_rounds():
    assert Timing(warm_s=0.5, measure_s=2, rounds=2).estimate_s(4) == 2 * 6 * 4 * 3
