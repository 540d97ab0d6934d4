"""Connections: the right driver, UTC, bounded statements, all or nothing."""

import os
import socket

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from core.db import IDLE_TIMEOUT_S, STATEMENT_TIMEOUT_S, async_engine, driver_url, sync_engine, transaction

SHOWN = {
    "TimeZone": "UTC",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
SHOW = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in SHOWN))
LOCK = text("SELECT FROM catalog_version FOR UPDATE")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_postgresql_url_gets_our_driver(scheme):
    url = driver_url(f"{scheme}://gw:p%40ss@127.0.0.1:5432/bazaar?sslmode=require")

    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.database, url.query["sslmode"]) == ("p@ss", "bazaar", "require")


async def test_both_engines_speak_utc_and_give_up_on_what_takes_too_long(database_url):
    one, other = sync_engine(database_url, pool_size=1), async_engine(database_url, pool_size=1)

    with one.connect() as connection:
        shown = tuple(connection.execute(SHOW).one())
    async with other.connect() as connection:
        shown_async = tuple((await connection.execute(SHOW)).one())

    one.dispose()
    await other.dispose()
    assert shown == shown_async == tuple(SHOWN.values())


async def test_both_engines_notice_a_server_that_is_gone(database_url):
    one, other = sync_engine(database_url, pool_size=1), async_engine(database_url, pool_size=1)

    with one.connect() as connection:
        asked = patience_of(connection.connection.dbapi_connection)
    async with other.connect() as connection:
        asked_async = patience_of((await connection.get_raw_connection()).driver_connection)

    one.dispose()
    await other.dispose()
    assert (
        asked
        == asked_async
        == {
            socket.TCP_KEEPIDLE: 10,
            socket.TCP_KEEPINTVL: 5,
            socket.TCP_KEEPCNT: 3,
            socket.TCP_USER_TIMEOUT: 15_000,
        }
    )


def patience_of(connection):
    """How long the system waits for the other side of a connection."""
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    with socket.socket(fileno=os.dup(connection.fileno())) as link:
        assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        return {option: link.getsockopt(socket.IPPROTO_TCP, option) for option in options}


def test_a_row_locked_by_somebody_who_went_silent_is_given_to_who_waits(database_url):
    silent, other = sync_engine(database_url, idle_timeout_s=1), sync_engine(database_url)

    with silent.connect() as gone, other.begin() as waiting:
        gone.execute(LOCK)
        waiting.execute(LOCK)
        with pytest.raises(InternalError, match="idle-in-transaction"):
            gone.execute(LOCK)

    silent.dispose()
    other.dispose()


def test_a_lock_is_given_back_before_who_waits_gives_up():
    assert IDLE_TIMEOUT_S < STATEMENT_TIMEOUT_S


def test_a_transaction_is_committed_at_its_end(sessions, db):
    with transaction(sessions) as session:
        session.execute(text("UPDATE catalog_version SET version = 7"))

    assert db.scalar(text("SELECT version FROM catalog_version")) == 7


def test_a_transaction_that_raises_leaves_nothing(sessions, db):
    def change_and_fail():
        with transaction(sessions) as session:
            session.execute(text("UPDATE catalog_version SET version = 7"))
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()

    assert db.scalar(text("SELECT version FROM catalog_version")) == 1
