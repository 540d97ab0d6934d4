"""Connections to PostgreSQL: one engine per process, sync for portal and workers, async for the proxy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

STATEMENT_TIMEOUT_S = 15  # a statement that runs longer is a mistake or a lock nobody gives back
# Who goes silent in a transaction loses it, and its locks, before those who wait for them give up.
IDLE_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 5  # else a host that drops packets is waited for until TCP gives up
# When the other side is gone without a word: the first question after so long, then one each INTERVAL_S.
ALIVE_S, INTERVAL_S, TIMES = 10, 5, 3
UNHEARD_S = ALIVE_S + INTERVAL_S  # what was sent and not acknowledged for so long was lost


def _shared(idle_timeout_s: int) -> Mapping[str, Any]:
    settings = {
        "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{idle_timeout_s}s",
        "tcp_keepalives_idle": ALIVE_S,
        "tcp_keepalives_interval": INTERVAL_S,
        "tcp_keepalives_count": TIMES,
        "tcp_user_timeout": f"{UNHEARD_S}s",
        "timezone": "UTC",
    }
    return {
        "max_overflow": 0,
        "hide_parameters": True,  # an error's text ends in logs; what was being written does not belong there
        "pool_pre_ping": True,
        "connect_args": {
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "connect_timeout": CONNECT_TIMEOUT_S,
            "keepalives_idle": ALIVE_S,
            "keepalives_interval": INTERVAL_S,
            "keepalives_count": TIMES,
            "tcp_user_timeout": UNHEARD_S * 1000,
        },
    }


def driver_url(url: str) -> URL:
    """The URL with psycopg 3 named as the driver, whatever scheme the platform handed us."""
    return make_url(url).set(drivername="postgresql+psycopg")


def sync_engine(url: str, *, pool_size: int = 8, idle_timeout_s: int = IDLE_TIMEOUT_S) -> Engine:
    return create_engine(driver_url(url), pool_size=pool_size, **_shared(idle_timeout_s))


def async_engine(url: str, *, pool_size: int = 16) -> AsyncEngine:
    return create_async_engine(driver_url(url), pool_size=pool_size, **_shared(IDLE_TIMEOUT_S))


def session_factory(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(factory: sessionmaker[Session]) -> Iterator[Session]:
    """One unit of work: committed when the block ends, rolled back when it raises."""
    with factory() as session, session.begin():
        yield session
