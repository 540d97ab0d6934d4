"""/api/v1/credits."""

import pytest


@pytest.mark.parametrize("key_type", ["standard", "management"])
def test_it_tells_what_is_left_and_what_was_used_to_the_nano_dollar(program, call, key_type):
    caller = program(key_type)
    call(caller.key, charge_n=123_456_789)

    answer = caller("GET", "/credits")

    assert answer.text == '{"data":{"total_credits":9.876543211,"total_usage":0.123456789}}'


def test_an_empty_wallet_has_zero_of_both(program, make):
    caller = program(user=make.user())

    assert caller("GET", "/credits").json == {"data": {"total_credits": 0, "total_usage": 0}}
