"""API keys: seen, made, switched off and on, deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, abort, current_app, g, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from app.forms import blame
from app.forms.keys import FIELDS, KeyForm
from app.htmx import fragment_or_redirect, say
from app.rows.keys import KeyRow, Spent, key_row
from app.sessions import actor, signed_in
from core.actions.keys import create_key, delete_key, set_enabled
from core.config import Settings
from core.errors import BadRequest, Conflict
from core.models import ApiKey
from core.queries.catalog import first_callable
from core.queries.keys import key_of, keys_of
from core.queries.usage import key_facts, key_spend

bp = Blueprint("keys", __name__, url_prefix="/keys")

# Stands in the example while no model can be called yet.
NO_MODEL = "provider/model-name"


@bp.get("")
@signed_in
def index() -> ResponseReturnValue:
    keys = g.db.scalars(keys_of(g.user.wallet_id)).all()
    return render_template("keys/index.html", rows=key_rows(keys))


@bp.get("/new")
@signed_in
def new() -> ResponseReturnValue:
    return render_template("keys/new.html", form=KeyForm())


@bp.post("")
@signed_in
def create() -> ResponseReturnValue:
    """Make a key and show its secret, this once: the answer itself is the page, nothing keeps the secret."""
    form = KeyForm()
    try:
        wanted = form.wanted()
        key, secret = create_key(
            g.db, g.user, **wanted, pepper=settings().key_pepper, now=datetime.now(UTC), by=actor()
        )
    except BadRequest as error:
        blame(form, error, fields=FIELDS, default="name")
    except Conflict as error:
        say(error.message, "bad")
    else:
        model = g.db.scalar(first_callable()) or NO_MODEL
        return render_template(
            "keys/created.html",
            key=key,
            secret=secret,
            base_url=f"{settings().public_url}/api/v1",
            model=model,
        ), 201
    return render_template("keys/new.html", form=form), 422


@bp.post("/<uuid:key_id>/disable")
@signed_in
def disable(key_id: UUID) -> ResponseReturnValue:
    key = own_key(key_id)
    set_enabled(g.db, key, enabled=False, by=actor())
    say(gettext("“%(name)s” is off. Calls with it are refused from now on.", name=key.name))
    return changed(key)


@bp.post("/<uuid:key_id>/enable")
@signed_in
def enable(key_id: UUID) -> ResponseReturnValue:
    key = own_key(key_id)
    set_enabled(g.db, key, enabled=True, by=actor())
    say(gettext("“%(name)s” is on again.", name=key.name))
    return changed(key)


@bp.post("/<uuid:key_id>/delete")
@signed_in
def delete(key_id: UUID) -> ResponseReturnValue:
    key = own_key(key_id)
    delete_key(g.db, key, now=datetime.now(UTC), by=actor())
    say(gettext("“%(name)s” is deleted. What it spent stays in your usage.", name=key.name))
    return fragment_or_redirect(None, to=url_for(".index"))


def own_key(key_id: UUID) -> ApiKey:
    """One of the reader's own keys: anybody else's is not found."""
    key: ApiKey = g.db.scalar(key_of(g.user.wallet_id, key_id)) or abort(404)
    return key


def changed(key: ApiKey) -> ResponseReturnValue:
    return fragment_or_redirect("keys/_row.html", to=url_for(".index"), row=key_rows([key])[0])


def key_rows(keys: Sequence[ApiKey]) -> list[KeyRow]:
    """The keys with what they spent: two queries, however many keys there are."""
    now, wallet_id = datetime.now(UTC), g.user.wallet_id
    facts = {row.key_id: row for row in g.db.execute(key_facts(wallet_id))}
    periods = {row.key_id: row for row in g.db.execute(key_spend(wallet_id, now))}
    rows = []
    for key in keys:
        fact, period = facts.get(key.id), periods.get(key.id)
        now_spent = {"day": period.day, "week": period.week, "month": period.month} if period else {}
        spent = Spent(total=fact.charge_n if fact else 0, **now_spent)
        rows.append(key_row(key, spent, last_used_at=fact.last_at if fact else None, now=now))
    return rows


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found
