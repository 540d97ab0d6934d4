"""What happens regularly."""

from datetime import UTC, datetime

import pytest
from rq.utils import import_attribute

from core.jobs import QUEUES
from worker.schedule import DAY_S, SCHEDULE, Periodic


@pytest.mark.parametrize("periodic", SCHEDULE, ids=lambda periodic: periodic.job.path)
def test_every_periodic_job_exists_on_a_queue_that_is_served(periodic):
    assert callable(import_attribute(periodic.job.path))
    assert periodic.job.queue in QUEUES


def test_a_day_ends_at_midnight_utc():
    daily = Periodic(SCHEDULE[0].job, DAY_S)
    late = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp()

    assert daily.slot(late + 1) == daily.slot(late) + 1
    assert daily.slot(late) == daily.slot(late - DAY_S + 1)
