"""Setting the spend circuit breaker of an organization, a team or a member."""

from typing import TypedDict, Unpack

from sqlalchemy.orm import Session

from core.actions.audit import Actor
from core.actions.changes import Holder, change, lock_as_admin
from core.errors import BadRequest
from core.models import Member, Org, Team
from core.money import MAX_USD, NANOS_PER_USD
from core.rules.breakers import BreakerSettings


class BreakerFields(TypedDict, total=False):
    """What can be set; what is not named stays. None inherits from the scope above."""

    cb_enabled: bool | None
    cb_minute_n: int | None
    cb_hourly_n: int | None
    cb_shadow: bool | None


CLEARED = BreakerFields(cb_enabled=None, cb_minute_n=None, cb_hourly_n=None, cb_shadow=None)


def set_breaker(session: Session, holder: Holder, *, by: Actor, **fields: Unpack[BreakerFields]) -> None:
    """Change the fields that are named. Raises BadRequest for a threshold that is not above zero."""
    _refuse_odd(fields.get("cb_minute_n"), param="cbMinuteUsd")
    _refuse_odd(fields.get("cb_hourly_n"), param="cbHourlyUsd")
    org = lock_as_admin(session, holder, by=by)
    change(session, org, holder, {**fields}, by=by, action="breaker.updated")


def settings_of(
    session: Session, holder: Holder
) -> tuple[BreakerSettings | None, BreakerSettings | None, BreakerSettings]:
    """What the member, the team and the organization say that a holder is in, as rules take them."""
    member = holder if isinstance(holder, Member) else None
    team_id = holder.team_id if isinstance(holder, Member) else None
    team = holder if isinstance(holder, Team) else session.get(Team, team_id) if team_id else None
    org = holder if isinstance(holder, Org) else session.get_one(Org, holder.org_id)
    return (
        member.breaker if member is not None else None,
        team.breaker if team is not None else None,
        org.breaker,
    )


def _refuse_odd(threshold_n: int | None, *, param: str) -> None:
    if threshold_n is not None and not 0 < threshold_n <= MAX_USD * NANOS_PER_USD:
        raise BadRequest("A threshold must be above 0, at most 9,000,000 dollars.", param=param)
