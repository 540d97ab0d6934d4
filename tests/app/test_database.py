import pytest
from flask import Flask, abort, g
from sqlalchemy import select

from app import database
from core.models import User


@pytest.fixture
def small(sessions) -> Flask:
    """An application that renames everybody, well or badly."""
    app = Flask("small")
    database.install(app, sessions)

    def rename() -> None:
        g.db.scalar(select(User)).email = "renamed@example.com"

    @app.get("/well")
    def well():
        rename()
        return "done"

    @app.get("/badly")
    def badly():
        rename()
        abort(422)

    @app.get("/broken")
    def broken():
        rename()
        raise RuntimeError

    return app


@pytest.mark.parametrize(("path", "kept"), [("/well", True), ("/badly", False), ("/broken", False)])
def test_only_a_good_answer_is_kept(small, make, db, path, kept):
    user = make.user()

    small.test_client().get(path)

    db.refresh(user)
    assert (user.email == "renamed@example.com") is kept


def test_a_request_that_asks_nothing_takes_no_connection(small, engine):
    small.test_client().get("/nowhere")

    assert engine.pool.checkedout() == 0
