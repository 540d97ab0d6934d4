"""/api/v1/usage: sums of a calendar period, by model, key, app and day."""

from datetime import UTC, datetime, time
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from app.api.callers import caller, reader
from app.api.wire import reply, stamp
from core.errors import BadRequest
from core.money import usd
from core.queries import usage as queries
from core.queries.keys import names_of
from core.queries.wallets import wallet_by_id
from core.rules.periods import Period, start_of

bp = Blueprint("api_usage", __name__)
PERIODS: tuple[Period, ...] = ("day", "week", "month", "year")


@bp.get("/usage")
@reader
def show() -> ResponseReturnValue:
    """Amounts in USD. `since` is the start of the calendar period the moment is in, UTC."""
    period = _period()
    wallet_id = caller().wallet_id
    since = start_of(period, datetime.now(UTC))
    by_key = g.db.execute(queries.by_key(wallet_id, since)).all()
    names = dict(g.db.execute(names_of(wallet_id, [row.key_id for row in by_key])).all())
    total = g.db.execute(queries.totals(wallet_id, since)).one()
    return reply(
        {
            "period": period,
            "since": stamp(datetime.combine(since, time(), UTC)),
            "credits": usd(g.db.scalars(wallet_by_id(wallet_id)).one().balance_n),
            "totals": _totals(total),
            "byModel": [
                {"model": row.model_id, **_sums(row)}
                for row in g.db.execute(queries.by_model(wallet_id, since))
            ],
            "byKey": [{"keyName": names.get(row.key_id, ""), **_sums(row)} for row in by_key],
            "byApp": [
                {"appName": row.app_name, **_sums(row)}
                for row in g.db.execute(queries.by_app(wallet_id, since))
            ],
            "timeSeries": [_point(row) for row in g.db.execute(queries.by_day_and_model(wallet_id, since))],
        }
    )


def _period() -> Period:
    asked = request.args.get("period", "month")
    for period in PERIODS:
        if asked == period:
            return period
    raise BadRequest(f"period must be one of: {', '.join(PERIODS)}.", param="period")


def _sums(row: Any) -> dict[str, Any]:
    return {
        "spend": usd(int(row.charge_n)),
        "requests": int(row.requests),
        "tokens": int(row.input_tokens) + int(row.output_tokens),
    }


def _totals(row: Any) -> dict[str, Any]:
    return {
        **_sums(row),
        "promptTokens": int(row.input_tokens),
        "completionTokens": int(row.output_tokens),
    }


def _point(row: Any) -> dict[str, Any]:
    sums = _sums(row)
    cost = sums.pop("spend")
    return {"date": row.day.isoformat(), "model": row.model_id, "cost": cost, **sums}
