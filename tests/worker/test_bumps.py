"""Versions Redis was not told of are told again."""

import pytest
from redis.exceptions import RedisError

from core.counters.client import Counters
from core.ids import uuid7
from core.models import VersionBump
from tests.proxy.store.servers import own_server
from worker.bumps import resend


@pytest.fixture
def note(db, lease):
    resend(lease.engine, lease.counters)  # what making the lease has noted

    def noted(lease, ver, *, key_id=None):
        db.add(VersionBump(wallet_id=lease.key.wallet_id, key_id=key_id, ver=ver))
        db.commit()

    return noted


def versions(lease):
    fields = lease.counters.redis.hgetall(lease.keys.counters)
    key = b"v:" + lease.key.id.hex.encode()
    return int(fields.get(b"w", 0)), int(fields.get(key, 0))


def left(lease):
    return lease.row("SELECT count(*) FROM version_bumps")[0]


def test_versions_of_wallets_and_keys_are_told_and_forgotten(lease, note):
    note(lease, 70)
    note(lease, 80, key_id=lease.key.id)

    assert resend(lease.engine, lease.counters) == 2

    assert versions(lease) == (70, 80)
    assert (left(lease), resend(lease.engine, lease.counters)) == (0, 0)


def test_a_version_never_goes_back(lease, note):
    note(lease, 70)
    note(lease, 60)

    resend(lease.engine, lease.counters)

    assert versions(lease)[0] == 70


def test_a_call_admitted_by_what_was_before_is_stale_afterwards(lease, note):
    lease.charged(1000, 10)
    note(lease, 70)

    resend(lease.engine, lease.counters)

    with pytest.raises(AssertionError, match="Stale"):
        lease.admit(lease.call(1000))


def test_versions_wait_until_redis_answers(lease, note):
    note(lease, 70)
    note(lease, 71, key_id=uuid7())
    with own_server() as server:
        away = Counters(server.url)
        server.kill()

        with pytest.raises(RedisError):
            resend(lease.engine, away)

    assert left(lease) == 2
    assert resend(lease.engine, lease.counters) == 2
