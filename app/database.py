"""One database session per request: committed when the answer is a good one, rolled back otherwise."""

from flask import Flask, Response, g
from sqlalchemy.orm import Session, sessionmaker

FIRST_ERROR = 400


def install(app: Flask, sessions: sessionmaker[Session]) -> None:
    @app.before_request
    def begin() -> None:
        g.db = sessions()  # takes no connection before the first query

    @app.after_request
    def finish(response: Response) -> Response:
        db: Session | None = g.get("db")
        if db is not None:
            if response.status_code < FIRST_ERROR:
                db.commit()
            else:
                db.rollback()
        return response

    @app.teardown_request
    def close(_error: BaseException | None) -> None:
        db: Session | None = g.pop("db", None)
        if db is not None:
            db.close()
