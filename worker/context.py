"""What a job works with. Each job runs in a process of its own, so each makes its own connection."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.actions.versions import enforce_after_commit
from core.config import Settings
from core.counters.client import Counters
from core.db import session_factory, sync_engine, transaction
from core.jobs import connect, deliver_after_commit

PATIENCE_S = 60  # a job may wait for somebody else, a mail server say, in its transaction; it locks no wallet


@dataclass(frozen=True, slots=True)
class Work:
    settings: Settings
    session: Session


@contextmanager
def work() -> Iterator[Work]:
    """Settings and one transaction: committed when the job ends, rolled back when it raises."""
    settings = Settings.from_env(os.environ)
    engine = sync_engine(settings.database_url, pool_size=1, idle_timeout_s=PATIENCE_S)
    try:
        with connect(settings.redis_url) as redis:
            factory = session_factory(engine)
            deliver_after_commit(factory, redis)
            enforce_after_commit(factory, Counters(settings.counters_url))
            with transaction(factory) as session:
                yield Work(settings, session)
    finally:
        engine.dispose()
