"""The whole product under the benchmark's load, briefly: what comes out, never how fast."""

import redis

from bench import cores
from bench.ours import ours, scripts_run
from bench.rounds import BURST, PLAIN, Phase, Timing, measure

SHORT = Timing(warm_s=0.2, measure_s=0.5, rounds=1)


def test_the_product_answers_the_benchmarks_calls_and_books_every_one(source):
    with ours(upstream_port=source.port, cores=cores.ours()) as (target, product):
        rows = [
            measure(target, phase, source, timing=SHORT, number=0)
            for phase in (Phase("plain 2", PLAIN, 2), Phase("burst 2", BURST, 2))
        ]
        booked, differences = product.booked(), product.differences()

    assert [row.faults for row in rows] == [[], []]
    assert all(row.cpu_us and row.units_per_s for row in rows)
    assert set(rows[0].parts_us) == {"ledger", "postgres", "valkey"}
    assert booked > 0
    assert differences == []


def test_scripts_are_counted_and_other_commands_are_not(redis_url):
    before = scripts_run(redis_url)

    with redis.Redis.from_url(redis_url) as link:
        link.set("a", 1)
        link.eval("return redis.call('GET', 'a')", 0)

    assert scripts_run(redis_url) == before + 1
