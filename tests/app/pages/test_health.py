from dataclasses import replace

from app import build_app
from core.db import session_factory, sync_engine


def test_the_process_lives(browser):
    assert browser.get("/healthz").json == {"status": "ok"}


def test_it_is_ready_when_database_and_redis_answer(browser):
    response = browser.get("/readyz")

    assert response.status_code == 200
    assert response.json == {"status": "ok", "database": True, "redis": True}


def test_it_is_not_ready_without_redis(settings, sessions):
    app = build_app(replace(settings, redis_url="redis://127.0.0.1:9/0"), sessions=sessions)

    response = app.test_client().get("/readyz")

    assert response.status_code == 503
    assert response.json["redis"] is False


def test_it_is_not_ready_without_its_database(settings):
    engine = sync_engine("postgresql://nobody@127.0.0.1:9/none")
    app = build_app(settings, sessions=session_factory(engine))

    response = app.test_client().get("/readyz")

    assert response.status_code == 503
    assert response.json["database"] is False
    engine.dispose()
