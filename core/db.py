"""Connections to PostgreSQL: one engine per process, sync for portal and workers, async for the proxy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

# A statement that runs longer than this is a mistake or a lock nobody gives back.
STATEMENT_TIMEOUT = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"

CONNECT_TIMEOUT_S = 5  # else a host that drops packets is waited for until TCP gives up

_SHARED: Mapping[str, Any] = {
    "max_overflow": 0,
    "hide_parameters": True,  # an error's text ends in logs; what was being written does not belong there
    "pool_pre_ping": True,
    "connect_args": {"options": STATEMENT_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT_S},
}


def driver_url(url: str) -> URL:
    """The URL with psycopg 3 named as the driver, whatever scheme the platform handed us."""
    return make_url(url).set(drivername="postgresql+psycopg")


def sync_engine(url: str, *, pool_size: int = 8) -> Engine:
    return create_engine(driver_url(url), pool_size=pool_size, **_SHARED)


def async_engine(url: str, *, pool_size: int = 16) -> AsyncEngine:
    return create_async_engine(driver_url(url), pool_size=pool_size, **_SHARED)


def session_factory(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(factory: sessionmaker[Session]) -> Iterator[Session]:
    """One unit of work: committed when the block ends, rolled back when it raises."""
    with factory() as session, session.begin():
        yield session
