"""What running calls hold is asked where it is known."""

from dataclasses import replace

from app.holdings import held_n
from core.counters.client import Counters
from core.counters.keys import wallet_keys
from core.models import Wallet


def test_what_redis_and_postgresql_hold_is_one_sum(app, make, redis_url):
    wallet = make.user().wallet
    wallet.held_n = 5
    counters = Counters(redis_url)

    with app.app_context():
        nothing_in_redis = held_n(wallet)
        counters.redis.hset(wallet_keys(wallet.bucket, wallet.id).pool, "held", 37)
        both = held_n(wallet)

    counters.close()
    assert (nothing_in_redis, both) == (5, 42)


def test_it_is_not_known_while_redis_is_away(app, make, settings):
    app.extensions["counters"] = Counters(replace(settings, counters_url="redis://127.0.0.1:1").counters_url)

    with app.app_context():
        assert held_n(Wallet(id=make.user().wallet_id, bucket=1, held_n=5)) is None
