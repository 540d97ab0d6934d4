import pytest

from core import errors
from proxy.formats.messages.errors import error_body, error_type


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (errors.BadRequest("x"), "invalid_request_error"),
        (errors.Unauthenticated(), "authentication_error"),
        (errors.OutOfCredits(), "billing_error"),
        (errors.KeyLimitReached(), "billing_error"),
        (errors.Forbidden("x"), "permission_error"),
        (errors.NotFound("x"), "not_found_error"),
        (errors.WrongMethod("POST"), "invalid_request_error"),
        (errors.Conflict("x"), "conflict_error"),
        (errors.TooLarge("x"), "request_too_large"),
        (errors.TooMany("x"), "rate_limit_error"),
        (errors.OverBudget("x"), "rate_limit_error"),
        (errors.BreakerTripped("x", status=503), "overloaded_error"),
        (errors.UpstreamFailed("x"), "api_error"),
        (errors.Unavailable("x"), "overloaded_error"),
    ],
)
def test_every_refusal_has_a_type_of_the_format(refused, kind):
    body = error_body(refused, request_id="r-1")

    assert body == {
        "type": "error",
        "error": {"type": kind, "message": refused.message, "code": refused.status},
        "request_id": "r-1",
    }


def test_what_we_say_more_stays_beside_it():
    over = errors.OverBudget("x", metadata={"scope": "team", "resets_at": "tomorrow", "limit": 5})

    assert error_body(over, request_id="r")["error"] == {
        "type": "rate_limit_error",
        "message": "x",
        "code": 429,
        "scope": "team",
        "resets_at": "tomorrow",
        "metadata": {"scope": "team", "resets_at": "tomorrow", "limit": 5},
    }
    wrong = errors.BadRequest("x", param="top_k", code="odd")
    assert error_body(wrong, request_id="r")["error"]["param"] == "top_k"
    assert error_body(wrong, request_id="r")["error"]["code"] == "odd"


def test_a_thread_is_refused_in_words_an_sdk_goes_on_by():
    refused = errors.BadRequest("x", param="thread")

    assert error_body(refused, request_id="r")["error"]["details"] == {
        "error_code": "thread_unsupported_request",
        "unsupported": ["thread"],
    }


def test_a_failure_of_ours_says_nothing_but_its_id():
    body = error_body(errors.OurFault(request_id="the-id"), request_id="the-id")

    assert body["error"]["type"] == "api_error"
    assert "the-id" in body["error"]["message"]
    assert body["request_id"] == "the-id"


def test_a_status_without_a_word_is_the_senders_fault_or_the_servers():
    assert [error_type(status) for status in (418, 500, 599)] == [
        "invalid_request_error", "api_error", "api_error",
    ]  # fmt: skip
