"""Connections: the right driver, UTC, bounded statements, all or nothing."""

import pytest
from sqlalchemy import text

from core.db import async_engine, driver_url, sync_engine, transaction

SHOW = text("SELECT current_setting('TimeZone'), current_setting('statement_timeout')")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_postgresql_url_gets_our_driver(scheme):
    url = driver_url(f"{scheme}://gw:p%40ss@127.0.0.1:5432/bazaar?sslmode=require")

    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.database, url.query["sslmode"]) == ("p@ss", "bazaar", "require")


async def test_both_engines_speak_utc_and_give_up_on_long_statements(database_url):
    one, other = sync_engine(database_url, pool_size=1), async_engine(database_url, pool_size=1)

    with one.connect() as connection:
        shown = tuple(connection.execute(SHOW).one())
    async with other.connect() as connection:
        shown_async = tuple((await connection.execute(SHOW)).one())

    one.dispose()
    await other.dispose()
    assert shown == shown_async == ("UTC", "15s")


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
