"""Usage: what was spent, on what, and the latest calls as they come in."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from app.holdings import held_n
from app.htmx import wants_fragment
from app.rows.spend import Spend, spend_chart
from app.rows.usage import LATEST, CallRow, Cursor, call_row
from app.sessions import signed_in
from core.models import UsageEvent
from core.queries.keys import names_of
from core.queries.usage import by_day_and_model, by_hour_and_model, by_key, by_model, latest, totals
from core.rules.periods import Period, start_of

bp = Blueprint("usage", __name__, url_prefix="/usage")

PERIODS: tuple[Period, ...] = ("day", "week", "month", "year")


@bp.get("")
@signed_in
def index() -> ResponseReturnValue:
    now = datetime.now(UTC)
    calls = g.db.scalars(latest(g.user.wallet_id, limit=LATEST)).all()
    cursor = Cursor.after(calls, otherwise=now)
    return render_template(
        "usage/index.html", calls=call_rows(calls), cursor=cursor, limit=LATEST, **summary(now)
    )


@bp.get("/summary")
@signed_in
def summarize() -> ResponseReturnValue:
    """Totals, chart and tables again, for a page that is open; nothing when nothing has changed."""
    if not wants_fragment():
        return index()
    now = datetime.now(UTC)
    period = asked_period()
    if request.args.get("seen") == version_of(totals_of(period, now), since=start_of(period, now)):
        return "", 204  # before anything else is summed: every open page asks this every few seconds
    return render_template("usage/_summary.html", arriving=True, **summary(now))


@bp.get("/calls")
@signed_in
def arrive() -> ResponseReturnValue:
    """The calls a page does not show yet, and where to go on from; nothing when there are none."""
    cursor = Cursor.read(request.args.get("since", ""))
    if cursor is None or not wants_fragment():
        return index()
    calls = g.db.scalars(latest(g.user.wallet_id, limit=LATEST, since=cursor.since)).all()
    new = cursor.new_among(calls)
    if not new:
        return "", 204
    after = Cursor.after(calls, otherwise=cursor.at)
    return render_template("usage/_arriving.html", calls=call_rows(new, fresh=True), cursor=after)


def asked_period() -> Period:
    """The period the address names, a month where it names none."""
    wanted = request.args.get("period")
    return wanted if wanted in PERIODS else "month"


def totals_of(period: Period, now: datetime) -> Row[*tuple[Any, ...]]:
    found: Row[*tuple[Any, ...]] = g.db.execute(totals(g.user.wallet_id, start_of(period, now))).one()
    return found


def version_of(total: Row[*tuple[Any, ...]], *, since: date) -> str:
    """What differs whenever a figure of the summary does."""
    wallet = g.user.wallet
    return f"{since}.{total.requests}.{total.charge_n}.{wallet.balance_n}.{held_n(wallet)}"


def summary(now: datetime) -> dict[str, object]:
    """The figures of the asked period."""
    period = asked_period()
    wallet, since = g.user.wallet, start_of(period, now)
    total = totals_of(period, now)
    keys = g.db.execute(by_key(wallet.id, since)).all()
    names = names_by_id([row.key_id for row in keys])
    return {
        "period": period,
        "periods": PERIODS,
        "since": since,
        "total": total,
        "wallet": wallet,
        "held": held_n(wallet),
        "chart": spend_chart(period, spends(period, now), now=now),
        "models": g.db.execute(by_model(wallet.id, since)).all(),
        "keys": [(names.get(row.key_id, ""), row) for row in keys],
        "version": version_of(total, since=since),
    }


def names_by_id(key_ids: Sequence[UUID]) -> dict[UUID, str]:
    return dict(g.db.execute(names_of(g.user.wallet_id, key_ids)).all())


def spends(period: Period, now: datetime) -> list[Spend]:
    since = start_of(period, now)
    if period == "day":
        rows = g.db.execute(by_hour_and_model(g.user.wallet_id, since))
        return [Spend(row.hour, row.model_id, row.charge_n) for row in rows]
    rows = g.db.execute(by_day_and_model(g.user.wallet_id, since))
    return [Spend(row.day, row.model_id, row.charge_n) for row in rows]


def call_rows(calls: Sequence[UsageEvent], *, fresh: bool = False) -> list[CallRow]:
    names = names_by_id([call.key_id for call in calls])
    return [call_row(call, key_name=names.get(call.key_id, ""), fresh=fresh) for call in calls]
