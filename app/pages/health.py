"""Whether this process lives, and whether it can work."""

import structlog
from flask import Blueprint, current_app, g, jsonify
from flask.typing import ResponseReturnValue
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.access import public

bp = Blueprint("health", __name__)
log = structlog.get_logger()


@bp.get("/healthz")
@public
def live() -> ResponseReturnValue:
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    checks = {"database": database_answers(), "redis": redis_answers()}
    body = {"status": "ok" if all(checks.values()) else "unavailable", **checks}
    return jsonify(body), 200 if all(checks.values()) else 503


def database_answers() -> bool:
    try:
        return bool(g.db.scalar(text("SELECT 1")) == 1)
    except SQLAlchemyError as error:
        log.warning("database_not_ready", error=type(error).__name__)
        g.db.rollback()
        return False


def redis_answers() -> bool:
    redis: Redis = current_app.extensions["redis"]
    try:
        return bool(redis.ping())
    except RedisError as error:
        log.warning("redis_not_ready", error=type(error).__name__)
        return False
