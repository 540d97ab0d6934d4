"""Refusals know their status and their body."""

import pytest

from core import errors
from core.errors import (
    BadRequest,
    Forbidden,
    KeyLimitReached,
    OutOfCredits,
    Refused,
    TooMany,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
)

TREE = {
    "BadRequest": 400,
    "TooLarge": 413,
    "Unauthenticated": 401,
    "OutOfCredits": 402,
    "KeyLimitReached": 402,
    "WrongMethod": 405,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "TooMany": 429,
    "OverBudget": 429,
    "BreakerTripped": 429,
    "Unavailable": 503,
    "UpstreamFailed": 502,
    "OurFault": 500,
}


def test_every_refusal_is_in_the_tree_with_its_status():
    found = {
        name: kind.status
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Refused) and kind is not Refused
    }

    assert found == TREE
    for name, status in TREE.items():
        assert any(name in line and str(status) in line for line in (errors.__doc__ or "").splitlines())


@pytest.mark.parametrize("name", sorted(set(TREE) - {"Unauthenticated", "WrongMethod", "OurFault"}))
def test_the_code_is_the_status_unless_the_contract_names_one(name):
    refusal = getattr(errors, name)("Do something else.")

    assert refusal.body()["error"]["code"] == TREE[name]
    assert refusal.body()["error"]["message"] == str(refusal) == "Do something else."


def test_a_code_may_be_a_word():
    refusal = Forbidden("Model is not allowed for this account", code="model_not_allowed")

    assert refusal.body()["error"]["code"] == "model_not_allowed"


def test_the_contracts_sentences_are_the_defaults():
    assert Unauthenticated().body()["error"] == {
        "message": "Invalid or disabled API key.",
        "type": "authentication_error",
        "code": 401,
    }
    assert OutOfCredits().message == "Insufficient credits. Please top up to continue."
    assert isinstance(KeyLimitReached("Wait."), OutOfCredits)


def test_a_bad_request_names_the_field():
    error = BadRequest("messages must not be empty", param="messages").body()["error"]

    assert error["param"] == "messages"
    assert "param" not in BadRequest("No.").body()["error"]


def test_metadata_and_the_time_to_come_back_are_carried():
    failed = UpstreamFailed("Try again.", metadata={"provider_name": "acme"})

    assert failed.body()["error"]["metadata"] == {"provider_name": "acme"}
    assert TooMany("Wait.", retry_after_s=7).retry_after_s == 7
    assert Unavailable("Wait.").retry_after_s is None


def test_a_wrong_method_is_told_the_right_one():
    refusal = errors.WrongMethod("POST")

    assert refusal.body()["error"]["message"] == "This address takes POST only."
    assert (refusal.status, refusal.allowed) == (405, "POST")
