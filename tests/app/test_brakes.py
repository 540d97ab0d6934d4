from dataclasses import replace

import pytest

from app import build_app
from app.brakes import Brake
from core.errors import TooMany, Unavailable


def test_the_attempt_after_the_last_allowed_one_is_refused(app):
    brake = Brake("test", "2/hour")

    with app.test_request_context():
        brake.press("a")
        brake.press("a")
        with pytest.raises(TooMany) as refused:
            brake.press("a")

    assert refused.value.retry_after_s == 3600


def test_subjects_do_not_brake_one_another(app):
    brake = Brake("test", "1/hour")

    with app.test_request_context():
        brake.press("a")
        brake.press("b")


def test_what_is_released_begins_anew(app):
    brake = Brake("test", "1/hour")

    with app.test_request_context():
        brake.press("a")
        brake.release("a")
        brake.press("a")
        with pytest.raises(TooMany):
            brake.press("a")


def test_without_redis_nothing_is_let_through(settings, sessions):
    app = build_app(replace(settings, redis_url="redis://127.0.0.1:9/0"), sessions=sessions)

    with app.test_request_context(), pytest.raises(Unavailable):
        Brake("test", "1/hour").press("a")
