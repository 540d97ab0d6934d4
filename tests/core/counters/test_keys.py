from uuid import UUID

import pytest

from core.counters.keys import (
    BUCKETS,
    GLOBAL,
    OFFERS_HEALTH,
    OFFERS_PACE,
    bucket_keys,
    tag_of,
    wallet_keys,
)

WALLET = UUID("00000000-0000-0000-0000-0000000000ab")


def test_all_keys_of_a_wallet_have_the_tag_of_its_bucket():
    keys = wallet_keys(7, WALLET)

    assert (keys.pool, keys.counters, keys.windows, keys.rates) == tuple(
        b"bl:{b007}:%b:%b" % (letter, WALLET.hex.encode()) for letter in (b"P", b"C", b"B", b"R")
    )
    assert keys.id == WALLET.hex.encode()
    assert keys.bucket is bucket_keys(7)


def test_all_keys_of_a_bucket_have_its_tag():
    keys = bucket_keys(255)

    assert (keys.generation, keys.deadlines, keys.tombstones, keys.stream) == (
        b"bl:{b255}:G",
        b"bl:{b255}:Z",
        b"bl:{b255}:T",
        b"bl:{b255}:S",
    )
    assert keys.hold(WALLET) == b"bl:{b255}:H:" + WALLET.hex.encode()


@pytest.mark.parametrize(("bucket", "tag"), [(0, "b000"), (10, "b010"), (BUCKETS - 1, "b255")])
def test_tags_are_of_one_length(bucket, tag):
    assert tag_of(bucket) == tag


def test_the_breaker_over_everything_is_kept_as_a_wallet_of_nobody():
    assert GLOBAL.windows == b"bl:{b000}:B:" + b"0" * 32


def test_what_is_told_of_offers_is_in_no_wallets_bucket():
    assert (OFFERS_HEALTH, OFFERS_PACE) == (b"bl:{offers}:H", b"bl:{offers}:P")
