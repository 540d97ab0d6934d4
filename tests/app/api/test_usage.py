"""/api/v1/usage: the documented shape, sums that agree with what was charged."""

from datetime import UTC, datetime

import pytest

from core.rules.periods import start_of


def test_the_shape_is_the_documented_one(program, call, make):
    caller = program("standard", name="My Agent")
    call(caller.key, charge_n=110_000, usage={"input_tokens": 100, "output_tokens": 20})
    call(caller.key, charge_n=220_000, usage={"input_tokens": 200, "output_tokens": 40})
    call(caller.key, model="acme/other", charge_n=1_100_000, usage={"input_tokens": 5, "output_tokens": 1})

    told = caller("GET", "/usage?period=month").json

    today = datetime.now(UTC)
    assert told == {
        "period": "month",
        "since": f"{start_of('month', today)}T00:00:00.000Z",
        "credits": 9.99857,
        "totals": {
            "spend": 0.00143,
            "requests": 3,
            "tokens": 366,
            "promptTokens": 305,
            "completionTokens": 61,
        },
        "byModel": [
            {"model": "acme/other", "spend": 0.0011, "tokens": 6, "requests": 1},
            {"model": "acme/tiny", "spend": 0.00033, "tokens": 360, "requests": 2},
        ],
        "byKey": [{"keyName": "My Agent", "spend": 0.00143, "tokens": 366, "requests": 3}],
        "byApp": [],
        "timeSeries": [
            {"date": str(today.date()), "model": "acme/other", "cost": 0.0011, "tokens": 6, "requests": 1},
            {"date": str(today.date()), "model": "acme/tiny", "cost": 0.00033, "tokens": 360, "requests": 2},
        ],
    }


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
def test_each_period_begins_where_the_calendar_says(program, period):
    told = program()("GET", f"/usage?period={period}").json

    assert told["since"] == f"{start_of(period, datetime.now(UTC))}T00:00:00.000Z"
    assert told["totals"]["requests"] == 0


@pytest.mark.parametrize("period", ["", "decade", "DAY", "day'--", "%00"])
def test_another_period_is_refused_by_name(program, period):
    answer = program()("GET", f"/usage?period={period}")

    assert (answer.status_code, answer.json["error"]["param"]) == (400, "period")


def test_what_others_used_is_not_in_it(program, call, make):
    call(make.key(make.user(credits_usd="5")))

    assert program()("GET", "/usage").json["byModel"] == []
