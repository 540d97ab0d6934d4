"""Tokens that travel by mail."""

from uuid import uuid4

import pytest
from itsdangerous import URLSafeTimedSerializer

from core.tokens import read_verification_token, verification_token

SECRET = "of no importance"


def test_a_token_names_the_user_it_was_made_for():
    user_id = uuid4()

    assert read_verification_token(SECRET, verification_token(SECRET, user_id), 60) == user_id


def test_a_token_fits_into_a_path():
    token = verification_token(SECRET, uuid4())

    assert not set(token) & set("/?#%& ")


def test_a_token_grows_old():
    token = verification_token(SECRET, uuid4())

    assert read_verification_token(SECRET, token, -1) is None


def test_a_token_of_another_installation_is_worth_nothing():
    assert read_verification_token(SECRET, verification_token("another", uuid4()), 60) is None


def test_a_token_for_another_purpose_is_worth_nothing():
    other = URLSafeTimedSerializer(SECRET, salt="reset-password").dumps(str(uuid4()))

    assert read_verification_token(SECRET, other, 60) is None


@pytest.mark.parametrize("value", [None, 1, ["x"], {"a": 1}, "no uuid"])
def test_a_signed_value_that_is_no_user_is_worth_nothing(value):
    token = URLSafeTimedSerializer(SECRET, salt="verify-email").dumps(value)

    assert read_verification_token(SECRET, token, 60) is None


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "A" + t, lambda _: "", lambda _: "é.x", lambda t: t * 99]
)
def test_a_damaged_token_is_worth_nothing(change):
    assert read_verification_token(SECRET, change(verification_token(SECRET, uuid4())), 60) is None
