"""Finding out what a secret may do: everything that decides about its calls, in one row."""

from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import aliased

from core.models import ApiKey, Member, Org, Team, User, Wallet

BREAKER = ("cb_enabled", "cb_minute_n", "cb_hourly_n", "cb_shadow")


def grant_by_digest(digest: bytes) -> Select[*tuple[Any, ...]]:
    """The key of this digest with its wallet, owner, organization, team and member.

    Deleted keys, and those of members who were removed, are not found.

    A secret that was rotated away is found too; it expires when its overlap ends, or with its key.
    """
    team = aliased(Team)  # the key's own, or that of its member
    settings = (*_settings("org", Org), *_settings("team", team), *_settings("member", Member))
    return (
        select(*_credential(digest), *_account(), *_place(team), *settings)
        .join(Wallet, Wallet.id == ApiKey.wallet_id)
        .join(User, User.id == ApiKey.user_id)
        .outerjoin(Org, Org.id == ApiKey.org_id)
        .outerjoin(Member, Member.id == ApiKey.member_id)
        .outerjoin(team, team.id == func.coalesce(ApiKey.team_id, Member.team_id))
        .where(
            or_(ApiKey.digest == digest, ApiKey.previous_digest == digest),
            ApiKey.deleted_at.is_(None),
            Member.removed_at.is_(None),
        )
    )


def _credential(digest: bytes) -> list[Any]:
    """The key, as the secret of this digest opens it."""
    expiry = case(
        (ApiKey.digest == digest, ApiKey.expires_at),
        else_=func.least(ApiKey.expires_at, ApiKey.previous_until),
    )
    return [
        ApiKey.id.label("key_id"),
        ApiKey.ver.label("key_ver"),
        ApiKey.scope,
        ApiKey.key_type,
        ApiKey.enabled,
        ApiKey.spend_limit_n,
        ApiKey.spend_limit_period,
        expiry.label("expires_at"),
    ]


def _account() -> list[Any]:
    """Who pays, and whether it may."""
    return [
        ApiKey.wallet_id,
        ApiKey.user_id,
        Wallet.ver.label("wallet_ver"),
        Wallet.bucket,
        Wallet.balance_n,
        Wallet.credit_limit_n,
        Wallet.suspended_at.label("wallet_suspended_at"),
        User.suspended_at.label("user_suspended_at"),
    ]


def _place(team: Any) -> list[Any]:
    """Where in an organization the key belongs, with the budgets there."""
    return [
        Org.id.label("org_id"),
        team.id.label("team_id"),
        team.monthly_budget_n.label("team_budget_n"),
        ApiKey.member_id,
        Member.monthly_budget_n.label("member_budget_n"),
    ]


def _settings(scope: str, holder: Any) -> list[Any]:
    """What a scope says of allowed models and its breaker."""
    names = ("allowed_models", *BREAKER)
    return [getattr(holder, name).label(f"{scope}_{name}") for name in names]
