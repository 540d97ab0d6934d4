"""Runs migrations: one at a time in the whole installation, each in its own transaction, never waiting long."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, text

from core.db import driver_url
from core.models import Base

# A migration that cannot get its lock gives up rather than queue every reader behind itself.
TIMEOUTS = "-c lock_timeout=4s -c statement_timeout=60s -c timezone=UTC"
ADVISORY_LOCK = 0x62617A61  # any constant: two releases at once run one after the other


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the monthly partitions out of comparisons: they are made as time goes on."""
    return not (kind == "table" and name is not None and name.startswith("usage_events_"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=False,
        include_name=include_name,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if (connection := context.config.attributes.get("connection")) is not None:
        run(connection)
        return
    url = context.config.attributes.get("url") or os.environ["DATABASE_URL"]
    engine = create_engine(driver_url(url), connect_args={"options": TIMEOUTS})
    with engine.connect() as guard, engine.connect() as connection:
        guard.execute(text("SELECT pg_advisory_lock(:n)"), {"n": ADVISORY_LOCK})
        guard.commit()
        run(connection)
    engine.dispose()


main()
