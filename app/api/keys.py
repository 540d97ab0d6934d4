"""/api/v1/keys: a user's keys, managed by program."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g
from flask.typing import ResponseReturnValue

from app.api.callers import actor, caller, manager
from app.api.wire import amount_of, read_object, reply, stamp, text_of, time_of
from core.actions.keys import (
    MAX_OVERLAP_HOURS,
    create_key,
    delete_key,
    rename,
    rotate_key,
    set_enabled,
    set_spend_limit,
)
from core.config import Settings
from core.errors import BadRequest, NotFound
from core.models import ApiKey
from core.money import usd
from core.queries.keys import key_of, keys_of
from core.queries.usage import key_facts

bp = Blueprint("api_keys", __name__)
PERIOD_OF_RESET = {"daily": "day", "weekly": "week", "monthly": "month"}


@bp.get("/keys")
@manager
def index() -> ResponseReturnValue:
    facts = {row.key_id: row for row in g.db.execute(key_facts(caller().wallet_id))}
    keys = g.db.scalars(keys_of(caller().wallet_id))
    return reply({"keys": [{**_described(key), **_used(facts.get(key.id))} for key in keys]})


@bp.post("/keys")
@manager
def create() -> ResponseReturnValue:
    """Make a standard key; its secret is in this answer and in no other."""
    wanted = read_object({"name", "limit", "limit_reset", "expires_at"})
    reset = wanted.get("limit_reset", "monthly")
    if not isinstance(reset, str) or reset not in PERIOD_OF_RESET:
        raise BadRequest(f"limit_reset must be one of: {', '.join(PERIOD_OF_RESET)}.", param="limit_reset")
    key, secret = create_key(
        g.db,
        caller().user(),
        name=text_of(wanted, "name"),
        pepper=_pepper(),
        spend_limit_n=amount_of(wanted, "limit"),
        spend_limit_period=PERIOD_OF_RESET[reset],
        expires_at=time_of(wanted, "expires_at"),
        now=datetime.now(UTC),
        by=actor(),
    )
    return reply({**_described(key), "key": secret}, 201)


@bp.patch("/keys/<uuid:key_id>")
@manager
def update(key_id: UUID) -> ResponseReturnValue:
    key = _own(key_id)
    wanted = read_object({"enabled", "name", "spendLimitUsd", "spendLimitPeriod"})
    if not wanted:
        raise BadRequest("Name at least one field to change.")
    if "name" in wanted:
        rename(g.db, key, text_of(wanted, "name"), by=actor())
    if "enabled" in wanted:
        if not isinstance(wanted["enabled"], bool):
            raise BadRequest("enabled must be true or false.", param="enabled")
        set_enabled(g.db, key, enabled=wanted["enabled"], by=actor())
    if wanted.keys() & {"spendLimitUsd", "spendLimitPeriod"}:
        limit_n = amount_of(wanted, "spendLimitUsd") if "spendLimitUsd" in wanted else key.spend_limit_n
        period = text_of(wanted, "spendLimitPeriod") if "spendLimitPeriod" in wanted else None
        set_spend_limit(g.db, key, limit_n, period=period, by=actor())
    return reply({"updated": True})


@bp.post("/keys/<uuid:key_id>/rotate")
@manager
def rotate(key_id: UUID) -> ResponseReturnValue:
    """Give the key a new secret; the old one works on for `overlap_hours` (0 to 72, default 0)."""
    key = _own(key_id)
    hours = read_object({"overlap_hours"}).get("overlap_hours", 0)
    if isinstance(hours, bool) or not isinstance(hours, int) or not 0 <= hours <= MAX_OVERLAP_HOURS:
        raise BadRequest(
            f"overlap_hours must be a whole number from 0 to {MAX_OVERLAP_HOURS}.", param="overlap_hours"
        )
    secret = rotate_key(g.db, key, pepper=_pepper(), overlap_hours=hours, now=datetime.now(UTC), by=actor())
    return reply({**_described(key), "key": secret, "previousKeyExpiresAt": stamp(key.previous_until)})


@bp.delete("/keys/<uuid:key_id>")
@manager
def delete(key_id: UUID) -> ResponseReturnValue:
    delete_key(g.db, _own(key_id), now=datetime.now(UTC), by=actor())
    return "", 204


def _own(key_id: UUID) -> ApiKey:
    """One of the caller's keys: anybody else's is not found."""
    key: ApiKey | None = g.db.scalar(key_of(caller().wallet_id, key_id))
    if key is None:
        raise NotFound("There is no such key.")
    return key


def _described(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "keyType": key.key_type,
        "keyPrefix": key.prefix,
        "keySuffix": key.suffix,
        "enabled": key.enabled,
        "spendLimitUsd": None if key.spend_limit_n is None else usd(key.spend_limit_n),
        "spendLimitPeriod": key.spend_limit_period,
        "expiresAt": stamp(key.expires_at),
        "createdAt": stamp(key.created_at),
    }


def _used(fact: Any) -> dict[str, Any]:
    if fact is None:
        return {"lastUsed": None, "requestCount": 0, "totalTokens": 0}
    tokens = int(fact.input_tokens) + int(fact.output_tokens)
    return {"lastUsed": stamp(fact.last_at), "requestCount": int(fact.requests), "totalTokens": tokens}


def _pepper() -> bytes:
    settings: Settings = current_app.extensions["settings"]
    return settings.key_pepper
