"""What the proxies tell each other of offers, in a real Valkey."""

import json
from uuid import UUID

import pytest

from core.counters.keys import OFFER_PROBE, OFFERS_HEALTH, OFFERS_PACE
from core.rules.health import Pace
from proxy.clock import Clock
from proxy.routing.healths import Healths
from proxy.routing.sharing import KEPT_MS, Sharing
from proxy.store.store import Store
from tests.proxy.routing.offers import offer

ACME = offer("acme")
NAME = ACME.name
ME, YOU = UUID(int=1), UUID(int=2)


@pytest.fixture
async def start(redis, redis_url):
    """Starts what a process has of it."""
    stores = []

    async def start():
        store, clock = Store(redis_url), Clock()
        await store.open()
        stores.append(store)
        return Sharing(store, Healths(clock.now_ms), clock)

    yield start
    for store in stores:
        await store.close()


def fail(sharing, *, for_all=True):
    with sharing._healths.begin(ACME, ME) as attempt:
        attempt.failed(for_all=for_all, at_once=True)


async def test_an_offer_one_process_opened_is_open_in_the_other_and_closed_with_it(start):
    one, other = await start(), await start()
    fail(one)

    await one.share()
    await other.share()

    assert other._healths.standing(ACME, ME) == "open"
    with one._healths.begin(ACME, ME) as attempt:
        attempt.served(1)
    await one.share()
    await other.share()
    assert other._healths.standing(ACME, ME) == "healthy"


async def test_what_is_open_for_one_account_in_one_process_is_so_in_the_other(start):
    one, other = await start(), await start()
    fail(one, for_all=False)

    await one.share()
    await other.share()

    standings = [other._healths.standing(ACME, account) for account in (ME, YOU)]
    assert standings == ["open", "healthy"]


async def test_a_word_of_a_process_that_knows_nothing_of_accounts_is_understood(start, redis):
    one = await start()
    now_ms = one._clock.now_ms()
    redis.hset(OFFERS_HEALTH, NAME, json.dumps([now_ms, 1, now_ms + 5_000]))

    await one.share()

    assert [one._healths.standing(ACME, account) for account in (ME, YOU)] == ["open", "open"]


async def test_a_probe_under_way_stays_ours_and_one_that_is_over_does_not(start, redis):
    one = await start()
    fail(one)
    later_ms = one._clock.now_ms() + 5_000
    one._healths.now_ms = lambda: later_ms

    with one._healths.begin(ACME, ME):
        await one.share()
        assert redis.delete(OFFER_PROBE + NAME.encode()) == 1
    await one.share()

    assert not redis.exists(OFFER_PROBE + NAME.encode())


async def test_what_one_measured_is_what_another_begins_with(start):
    one, other = await start(), await start()
    with one._healths.begin(ACME, ME) as attempt:
        attempt.answered()
        attempt.served(10)

    await one.share()
    await other.share()

    assert other._healths.pace(ACME) == one._healths.pace(ACME) != Pace()


async def test_nothing_is_written_when_there_is_no_news(start, redis):
    one = await start()
    fail(one)
    await one.share()
    redis.delete(OFFERS_HEALTH)

    await one.share()

    assert redis.keys("bl:{offers}:*") == []


async def test_what_is_kept_there_goes_by_itself(start, redis):
    one = await start()
    fail(one)
    with one._healths.begin(offer("own"), ME) as attempt:
        attempt.served(1)

    await one.share()

    assert 0 < redis.pttl(OFFERS_HEALTH) <= KEPT_MS
    assert 0 < redis.pttl(OFFERS_PACE) <= KEPT_MS


@pytest.mark.parametrize(
    "word", [b"", b"nonsense", b"[]", b'["a", 1, 2]', b"\xff", b"[1, 1, 1]", b"[99999999999999, 1, 1]"]
)
async def test_what_is_old_or_no_word_of_ours_is_taken_away(start, redis, word):
    one = await start()
    redis.hset(OFFERS_HEALTH, NAME, word)

    await one.share()

    assert one._healths.standing(ACME, ME) == "healthy"
    assert not redis.exists(OFFERS_HEALTH)


async def test_no_more_is_heard_or_kept_than_there_is_room_for(start, redis, monkeypatch):
    monkeypatch.setattr("proxy.routing.sharing.MOST", 2)
    one = await start()
    now_ms = one._clock.now_ms()
    for number in range(5):
        redis.hset(OFFERS_HEALTH, f"offer{number}", json.dumps([now_ms, 1, now_ms + 5_000]))

    await one.share()

    assert redis.hlen(OFFERS_HEALTH) == len(one._healths._known) == 2


async def test_news_that_could_not_be_told_are_told_another_time(start):
    one, other = await start(), await start()
    fail(one)
    store, one._store = one._store, Store("redis://127.0.0.1:1")  # never opened

    await one.share()

    assert [name for name, _ in one._healths.unsaid_health()] == [NAME]
    one._store = store
    await one.share()
    await other.share()
    assert other._healths.standing(ACME, ME) == "open"
