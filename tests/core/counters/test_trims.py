from uuid import UUID

import pytest

from core.counters.keys import bucket_keys, wallet_keys
from core.counters.trims import trim


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (bucket_keys(7).tombstones, b"T"),
        (wallet_keys(7, UUID(int=5)).counters, b"C"),
        (wallet_keys(7, UUID(int=5)).rates, b"R"),
    ],
)
def test_every_hash_is_trimmed_as_what_it_is(key, kind):
    request = trim(key, cursor=b"12")

    assert (request.keys, request.args, request.bucket) == ((key,), [kind, b"12"], bucket_keys(7))


@pytest.mark.parametrize(
    "key", [b"bl:{b007}:Tea", b"bl:{b007}:C:", b"bl:{b07}:T", wallet_keys(7, UUID(int=5)).pool]
)
def test_what_is_no_hash_of_ours_is_left_alone(key):
    assert trim(key, cursor=b"0") is None
