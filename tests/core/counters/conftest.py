"""Wallets leased to a Redis of the test's own."""

from tests.worker.conftest import counters, jobs_redis, jobs_url, lease, open_lease

__all__ = ["counters", "jobs_redis", "jobs_url", "lease", "open_lease"]
