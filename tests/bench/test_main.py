import pytest

from bench.__main__ import QUICK, USUAL, arguments
from bench.rounds import Timing


def test_all_is_measured_unless_less_is_asked_for():
    given = arguments([])

    assert given.only == ["nginx", "ours", "litellm"]
    assert given.timing == USUAL
    assert not given.profile


def test_a_quick_run_can_be_told_its_length():
    given = arguments(["--quick", "--only", "ours,nginx", "--rounds", "2", "--seconds", "0.5"])

    assert given.only == ["ours", "nginx"]
    assert given.timing == Timing(QUICK.warm_s, 0.5, 2)


def test_an_unknown_target_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(["--only", "ours,haproxy"])

    assert ended.value.code == 2
    assert "there is no haproxy; there are nginx, ours, litellm" in capsys.readouterr().err


def test_a_usual_run_takes_six_minutes_at_most():
    assert USUAL.estimate_s(4) + 60 <= 360
    assert QUICK.estimate_s(4) + 45 <= 90
