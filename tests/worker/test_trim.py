"""What nobody will ask for any more goes, and nothing else."""

import random
from datetime import UTC, datetime

from core.counters.client import Counters
from core.counters.keys import bucket_keys
from core.ids import uuid7
from core.rules.periods import DAY_MS, EPOCH, start_of
from tests.proxy.store.servers import own_cluster
from worker.trim import EVERY_S, Trimmer

HOUR_MS = 3_600_000
WHOM = "k:" + "a" * 32
QUOTA = "p:" + "b" * 32 + ":t"


def now_us(counters):
    seconds, micros = counters.redis.time()
    return seconds * 1_000_000 + micros


def fields(counters, key):
    return {name.decode() for name in counters.redis.hkeys(key)}


def test_tombstones_go_after_48_hours(lease):
    now_ms = now_us(lease.counters) // 1000
    young = {uuid7(now_ms - 48 * HOUR_MS + 60_000).hex, uuid7(now_ms).hex, uuid7(now_ms + 5000).hex}
    old = {uuid7(now_ms - 48 * HOUR_MS - 1000).hex, uuid7(0).hex}
    key = lease.keys.bucket.tombstones
    lease.counters.redis.hset(key, mapping=dict.fromkeys(young | old, "5#2#1:1"))

    waits_s = Trimmer(lease.counters).round()

    assert (fields(lease.counters, key), waits_s) == (young, EVERY_S)


def test_a_call_that_ended_a_moment_ago_is_still_known(lease):
    call = lease.charged(1000, 300)
    before = lease.counted()

    Trimmer(lease.counters).round()

    assert lease.settle(call, 500) == ("DUP", 300)
    assert lease.counted() == before


def test_many_tombstones_are_looked_through_step_by_step(lease):
    now_ms = now_us(lease.counters) // 1000
    chance = random.Random(5)
    made = [uuid7(now_ms - chance.choice((1, 100)) * HOUR_MS) for _ in range(3000)]
    key = lease.keys.bucket.tombstones
    lease.counters.redis.hset(key, mapping={rid.hex: "5#2#1:1" for rid in made})

    Trimmer(lease.counters).round()

    assert fields(lease.counters, key) == {rid.hex for rid in made if rid.int >> 80 > now_ms - 2 * HOUR_MS}


def test_counters_go_some_days_after_their_period(lease):
    now_ms = now_us(lease.counters) // 1000
    today = now_ms // DAY_MS
    month = (start_of("month", datetime.fromtimestamp(now_ms / 1000, UTC)) - EPOCH).days
    kept = {
        *(f"{WHOM}@d{today - days}:{what}" for days in (0, 7, 40) for what in "sh"),
        f"{WHOM}@d{today - 2}:b",
        f"{WHOM}@w{today - 8}:b",
        f"{WHOM}@m{today - 32}:b",
        f"{WHOM}@m{month}:s",
        f"{WHOM}@m{today - 32}:h",
        f"{QUOTA}@{now_ms + 1000}:s",
        f"{QUOTA}@{now_ms - 47 * HOUR_MS}:h",
        "gen",
        "since",
        "w",
        "n:" + "a" * 32,
        "v:" + "a" * 32,
    }
    old = {
        *(f"{WHOM}@d{today - 41}:{what}" for what in "sh"),
        f"{WHOM}@d{today - 3}:b",
        f"{WHOM}@w{today - 9}:b",
        f"{WHOM}@m{today - 33}:b",
        f"{WHOM}@m{today - 33}:bx",
        f"{WHOM}@m{today - 60}:s",
        f"{QUOTA}@{now_ms - 48 * HOUR_MS - 1000}:s",
        f"{QUOTA}@{now_ms - 48 * HOUR_MS - 1000}:b",
    }
    key = lease.keys.counters
    lease.counters.redis.hset(key, mapping=dict.fromkeys(kept | old, "0"))

    Trimmer(lease.counters).round()

    assert fields(lease.counters, key) == kept


def test_what_is_still_held_is_not_forgotten(lease):
    held = f"{WHOM}@d5:h"
    lease.counters.redis.hset(lease.keys.counters, mapping={held: "7", f"{WHOM}@d6:h": "0"})

    Trimmer(lease.counters).round()

    assert fields(lease.counters, lease.keys.counters) == {held}


def test_arrivals_in_the_past_go_and_the_rate_of_who_calls_now_stays(lease):
    now = now_us(lease.counters)
    lease.counters.redis.hset(
        lease.keys.rates, mapping={"past": now - 1, "next": now + 60_000_000, "odd": "x"}
    )

    Trimmer(lease.counters).round()

    assert fields(lease.counters, lease.keys.rates) == {"next", "odd"}


def test_other_keys_are_left_alone(lease):
    others = ["rq:queue:mail", "bl:clock:x", "bl:{b007}:Tea", "bl:{b007}:H:" + "0" * 32]
    for name in others:
        lease.counters.redis.hset(name, mapping={"0" * 32: "x"})

    Trimmer(lease.counters).round()

    assert [lease.counters.redis.hlen(name) for name in others] == [1] * 4


def test_every_server_of_a_cluster_is_looked_through():
    with own_cluster() as nodes:
        counters = Counters(nodes[0].url)
        keys = [bucket_keys(bucket).tombstones for bucket in range(0, 256, 8)]
        for key in keys:
            counters.redis.hset(key, uuid7(0).hex, "5#2#1:1")

        Trimmer(counters).round()

        assert counters.ask_all([(key, ("EXISTS", key)) for key in keys]) == [0] * len(keys)
        counters.close()
