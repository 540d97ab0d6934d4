"""`python -m worker`: does the jobs of all queues, one after the other. More of them are more hands."""

import argparse
import os
import sys

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer

from core.config import Misconfigured, Settings
from core.jobs import QUEUES, queue
from core.logs import configure_logs


def main() -> int:
    """Work until SIGTERM, which lets the job in hand end; a second one does not."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Do the jobs of all queues.")
    parser.add_argument("--burst", action="store_true", help="end when the queues are empty")
    burst = parser.parse_args().burst
    try:
        settings = Settings.from_env(os.environ)
        configure_logs(settings.log_level, "worker")
        # rq sets the time-outs it needs: it waits on Redis for minutes
        redis = Redis.from_url(settings.redis_url)
        queues = [queue(redis, name) for name in QUEUES]
        worker = Worker(queues, connection=redis, serializer=JSONSerializer, log_job_description=False)
        worker.work(burst=burst, logging_level=settings.log_level)
    except Misconfigured as error:
        print(f"Error: {error.message}", file=sys.stderr)  # noqa: T201  # before there are logs
        return 1
    except RedisError as error:
        print(f"Error: Redis cannot be used (REDIS_URL): {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
