"""Streams of one server, and of a cluster in which each has a place of its own."""

import pytest

from core.counters.client import Counters
from core.counters.keys import bucket_keys
from tests.proxy.store.servers import own_cluster
from worker.streams import FIRST, RedisStreams


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as nodes:
        yield nodes


@pytest.fixture(params=["one server", "cluster"])
def redis(request, counters):
    """The client of each kind of Redis, emptied."""
    if request.param == "one server":
        yield counters
        return
    many = Counters(request.getfixturevalue("cluster")[0].url)
    yield many
    many.redis.flushall()
    many.close()


def add(redis, bucket, number):
    return redis.redis.xadd(bucket_keys(bucket).stream, {"a": number}).decode()


def test_events_of_every_bucket_are_read_oldest_first(redis):
    ids = {bucket: [add(redis, bucket, number) for number in range(3)] for bucket in (0, 7, 255)}

    found = RedisStreams(redis).read(count=1000)

    assert found == {
        bucket: [(event_id, {"a": str(number)}) for number, event_id in enumerate(events)]
        for bucket, events in ids.items()
    }


def test_empty_streams_are_no_events(redis):
    assert RedisStreams(redis).read(count=1000) == {}


def test_only_what_is_removed_is_gone(redis):
    streams = RedisStreams(redis)
    first, second, other = add(redis, 1, 1), add(redis, 1, 2), add(redis, 200, 3)

    streams.remove({1: [first], 200: [other]})

    assert streams.read(count=1000) == {1: [(second, {"a": "2"})]}
    streams.remove({})


def test_a_long_stream_is_read_on_but_not_without_end(redis):
    for number in range(FIRST + 30):
        add(redis, 1, number)
    add(redis, 2, 0)
    streams = RedisStreams(redis)

    some, most = streams.read(count=20), streams.read(count=1000)

    assert [int(fields["a"]) for _, fields in some[1]] == list(range(FIRST + 20))
    assert [int(fields["a"]) for _, fields in most[1]] == list(range(FIRST + 30))
    assert len(some[2]) == len(most[2]) == 1


def test_bytes_that_are_no_text_are_read_all_the_same(redis):
    redis.redis.xadd(bucket_keys(3).stream, {b"\xff": b"\xfe"})

    [[(_, fields)]] = RedisStreams(redis).read(count=1).values()

    assert fields == {"\ufffd": "\ufffd"}
