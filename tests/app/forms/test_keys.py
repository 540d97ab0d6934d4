from datetime import UTC, datetime

import pytest

from app.forms.keys import KeyForm
from core.errors import BadRequest


def filled(app, **fields):
    with app.test_request_context("/keys", method="POST", data={"name": "n", **fields}):
        return KeyForm().wanted()


def test_an_empty_limit_and_end_are_none(app):
    wanted = filled(app, limit=" ", expires_on="")

    assert (wanted["spend_limit_n"], wanted["expires_at"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "nanos"), [("25", 25 * 10**9), ("$0.50", 5 * 10**8), ("0.000000001", 1), ("0", 0)]
)
def test_an_amount_is_read_exactly(app, text, nanos):
    assert filled(app, limit=text)["spend_limit_n"] == nanos


def test_the_last_day_counts_to_its_end(app):
    assert filled(app, expires_on="2027-03-31")["expires_at"] == datetime(2027, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(("field", "param"), [("limit", "spendLimitUsd"), ("expires_on", "expiresAt")])
def test_what_cannot_be_read_names_its_parameter(app, field, param):
    with pytest.raises(BadRequest) as refused:
        filled(app, **{field: "soon"})

    assert refused.value.param == param
