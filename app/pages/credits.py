"""Credits: what is left, and every change of it."""

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.holdings import held_n
from app.sessions import signed_in
from core.queries.wallets import ledger_of

bp = Blueprint("credits", __name__, url_prefix="/credits")

PAGE = 50
LARGEST_ID = 2**63 - 1


@bp.get("")
@signed_in
def index() -> ResponseReturnValue:
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= LARGEST_ID:
        before = None
    # One more than is shown says whether there is another page.
    entries = g.db.scalars(ledger_of(g.user.wallet_id, before=before, limit=PAGE + 1)).all()
    shown = entries[:PAGE]
    return render_template(
        "credits/index.html",
        wallet=g.user.wallet,
        held=held_n(g.user.wallet),
        entries=shown,
        newer=url_for(".index") if before is not None else None,
        older=url_for(".index", before=shown[-1].id) if len(entries) > PAGE else None,
    )
