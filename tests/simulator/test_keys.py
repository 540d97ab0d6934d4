import pytest

from simulator.keys import bearer, check_key
from simulator.refusals import Refusal


@pytest.mark.parametrize(("key", "status", "param"), [("", 403, None), ("revoked", 400, "x-key")])
def test_a_key_that_is_no_good_is_refused_with_the_providers_status(key, status, param):
    with pytest.raises(Refusal) as refused:
        check_key(key, missing=403, revoked=400, param="x-key")

    assert (refused.value.status, refused.value.param) == (status, param)


@pytest.mark.parametrize(
    ("value", "token"),
    [("Bearer sk-1 ", "sk-1"), ("bearer sk-1", "sk-1"), ("Bearer", ""), ("Basic sk-1", ""), ("", "")],
)
def test_a_bearer_shows_a_token(value, token):
    assert bearer({"Authorization": value}) == token


def test_any_other_key_is_good():
    check_key("any")
