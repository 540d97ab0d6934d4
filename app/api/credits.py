"""/api/v1/credits: what is left, and what was used."""

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.api.callers import caller, reader
from app.api.wire import reply
from core.money import usd
from core.queries.usage import lifetime_charge
from core.queries.wallets import wallet_by_id

bp = Blueprint("api_credits", __name__)


@bp.get("/credits")
@reader
def show() -> ResponseReturnValue:
    """USD: `total_credits` is what is left, `total_usage` all that was ever charged."""
    wallet = g.db.scalars(wallet_by_id(caller().wallet_id)).one()
    used_n = int(g.db.scalar(lifetime_charge(wallet.id)))
    return reply({"data": {"total_credits": usd(wallet.balance_n), "total_usage": usd(used_n)}})
