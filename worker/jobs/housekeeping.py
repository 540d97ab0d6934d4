"""Jobs that keep the house in order, started by the clock."""

from datetime import UTC, datetime

from core.actions import partitions, users
from worker.context import work


def ensure_partitions() -> None:
    """Make the usage table's partitions for the coming months."""
    with work() as job:
        partitions.ensure_coming_partitions(job.session, today=datetime.now(UTC).date())


def purge_sessions() -> None:
    """Forget the sign-ins that have run out."""
    with work() as job:
        users.purge_sessions(job.session, now=datetime.now(UTC))
