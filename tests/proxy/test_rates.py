"""What a caller is told of its calls a minute."""

import time

from redis.asyncio import Redis

from core.ids import uuid7
from proxy.rates import Rates
from tests.proxy.conftest import ask


async def test_each_call_is_told_what_is_left(relay, caller):
    first = await relay.post(caller.secret, ask(max_tokens=5))
    second = await relay.post(caller.secret, ask(max_tokens=5, stream=True))
    refused = await relay.post(caller.secret, ask("acme/none"))

    answers = [first, second, refused]
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["200", "200", "200"]
    assert left[1] == left[0] - 1 or left[1] == 199  # unless a minute began in between
    assert 0 < int(refused.headers["X-RateLimit-Reset"]) - time.time() <= 60


async def test_a_small_wallet_is_in_the_lower_tier(relay, make):
    key = make.key(make.user(credits_usd="1"))

    answer = await relay.post(make.secrets[key.id], ask(max_tokens=5))

    assert answer.headers["X-RateLimit-Limit"] == "20"


async def test_two_counters_count_together(settings):
    user, one, other = uuid7(), Rates(settings.redis_url), Rates(settings.redis_url)
    redis = Redis.from_url(settings.redis_url)

    await one.count(user, limit=20)
    await other.count(user, limit=20)

    counts = [int(await redis.get(key)) async for key in redis.scan_iter(f"bl:rpm:*{user}*")]
    assert sum(counts) == 2
    for closing in (one.close(), other.close(), redis.aclose()):
        await closing


async def test_without_redis_the_call_goes_on_without_the_headers(start_relay, tiny, caller):
    relay = await start_relay(redis_url="redis://127.0.0.1:9/0")

    answer = await relay.post(caller.secret, ask(max_tokens=5))

    assert answer.status == 200
    assert "X-RateLimit-Limit" not in answer.headers
