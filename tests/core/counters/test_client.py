"""Requests to one server and to a cluster, one by one and many at once."""

import pytest
from redis.exceptions import RedisError, ResponseError

from core.counters.client import AT_ONCE, Counters
from core.counters.keys import BUCKETS, bucket_keys
from core.counters.requests import Request, due
from core.counters.script import Script
from tests.proxy.store.servers import own_cluster, own_server
from tests.proxy.store.test_primaries import move, owner

COUNT = Script.of("count", "return redis.call('INCR', KEYS[1])")
WRONG = Script.of("wrong", "return redis.call('LPUSH', KEYS[1], 'x')")


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as nodes:
        yield nodes


@pytest.fixture(params=["one server", "cluster"])
def counters(request, redis_url):
    made = Counters(redis_url if request.param == "one server" else request.getfixturevalue("cluster")[0].url)
    made.redis.flushall()
    yield made
    made.redis.flushall()
    made.close()


def count(bucket=0, script=COUNT):
    keys = bucket_keys(bucket)
    return Request(script, keys, (keys.generation,), ())


def test_a_script_is_run(counters):
    assert [counters.run(count()), counters.run(count())] == [1, 2]


def test_many_are_answered_in_their_order(counters):
    assert counters.run_all([count(5), count(250), count(5), count(100)]) == [1, 1, 2, 1]
    assert counters.run_all([]) == []


def test_more_than_fit_at_once_are_run_all_the_same(counters):
    assert counters.run_all([count(9)] * (AT_ONCE + 1))[-1] == AT_ONCE + 1


def test_scripts_a_server_forgot_are_loaded_again(counters):
    counters.run_all([count(bucket) for bucket in range(BUCKETS)])
    counters.redis.script_flush()

    answers = counters.run_all([count(bucket) for bucket in range(BUCKETS)])

    assert answers == [2] * BUCKETS


def test_commands_are_answered_in_their_order(counters):
    keys = [bucket_keys(bucket).stream for bucket in (0, 100, 200)]

    answers = counters.ask_all([(key, ("SET", key, place)) for place, key in enumerate(keys)])
    found = counters.ask_all([(key, ("GET", key)) for key in reversed(keys)])

    assert (answers, found) == ([True] * 3, [b"2", b"1", b"0"])


def test_an_error_among_the_answers_is_raised(counters):
    with pytest.raises(ResponseError):
        counters.run_all([count(1), count(1, WRONG), count(1)])

    assert counters.run(count(1)) == 3  # the others were run


def test_a_slot_that_moved_is_followed(cluster):
    counters, keys = Counters(cluster[1].url), bucket_keys(7)
    here = owner(cluster, keys.tag)
    there = cluster[cluster.index(here) - 1]
    assert counters.run(count(7)) == 1

    for target in (there, here):  # a slot moves without its keys here
        counters.redis.flushall()
        move(cluster, keys.tag, target)

        assert counters.run_all([count(7), count(8)]) == [1, 1]
        assert target.ask("EXISTS", keys.generation) == 1
    counters.redis.flushall()
    counters.close()


def test_nobody_there_is_an_error_of_redis():
    with own_server() as server:
        counters = Counters(server.url)
        assert counters.run(due(0, limit=1)) == []
        server.kill()
        for ask in (lambda: counters.run(due(0, limit=1)), lambda: Counters(server.url).is_cluster):
            with pytest.raises(RedisError):
                ask()
        server.start()

        assert counters.run(due(0, limit=1)) == []
    counters.close()


def test_a_cluster_that_is_gone_is_an_error_of_redis():
    with own_cluster() as nodes:
        counters = Counters(nodes[0].url)
        counters.run(count())
        for node in nodes:
            node.kill()
    for _ in range(2):
        with pytest.raises(RedisError):
            counters.run_all([count(bucket) for bucket in range(BUCKETS)])
