"""What a job works with. Each job runs in a process of its own, so each makes its own connection."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.config import Settings
from core.db import session_factory, sync_engine, transaction
from core.jobs import connect, deliver_after_commit


@dataclass(frozen=True, slots=True)
class Work:
    settings: Settings
    session: Session


@contextmanager
def work() -> Iterator[Work]:
    """Settings and one transaction: committed when the job ends, rolled back when it raises."""
    settings = Settings.from_env(os.environ)
    engine = sync_engine(settings.database_url, pool_size=1)
    try:
        with connect(settings.redis_url) as redis:
            factory = session_factory(engine)
            deliver_after_commit(factory, redis)
            with transaction(factory) as session:
                yield Work(settings, session)
    finally:
        engine.dispose()
