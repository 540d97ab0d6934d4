"""One database session per request: committed when the answer is a good one, rolled back otherwise."""

from flask import Flask, Response, g
from sqlalchemy.orm import Session, sessionmaker

from app.errors import refused
from core.actions.versions import NotYetInForce, check_in_force

FIRST_ERROR = 400


def install(app: Flask, sessions: sessionmaker[Session]) -> None:
    @app.before_request
    def begin() -> None:
        g.db = sessions()  # takes no connection before the first query

    @app.after_request
    def finish(response: Response) -> Response:
        db: Session | None = g.get("db")
        if db is None:
            return response
        if response.status_code >= FIRST_ERROR:
            db.rollback()
            return response
        db.commit()
        try:
            check_in_force(db)
        except NotYetInForce as not_yet:  # raised here, no error handler would see it
            return refused(not_yet)
        return response

    @app.teardown_request
    def close(_error: BaseException | None) -> None:
        db: Session | None = g.pop("db", None)
        if db is not None:
            db.close()
