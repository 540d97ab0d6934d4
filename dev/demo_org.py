"""A small organization for the demo account: a team with its admin and a member, and a key of its own."""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import SYSTEM
from core.actions.keys import create_key
from core.actions.members import add_member
from core.actions.orgs import create_org
from core.actions.teams import create_team
from core.actions.users import sign_up, verify
from core.actions.wallets import grant_credits
from core.models import Org, Team, User
from core.money import parse_usd
from core.queries.orgs import orgs_of

NAME, TEAM = "Demo Trading Co.", "Research"
CREDITS_USD, TEAM_BUDGET_USD = "500", "200"
PEOPLE = (("mia@bazaarlink.test", "team_admin", "100"), ("leo@bazaarlink.test", "member", "40"))
TEAM_MODELS = ("openai/*", "anthropic/*")


def plant_org(session: Session, admin: User, *, pepper: bytes, now: datetime) -> dict[str, str]:
    """Give the account its organization. Returns what scripts need of it; nothing when it has one."""
    if session.execute(orgs_of(admin.id)).first() is not None:
        return {}
    org = create_org(session, admin, name=NAME, by=SYSTEM)
    grant_credits(
        session, org.wallet_id, parse_usd(CREDITS_USD), note="Welcome credits", ref="demo", by=SYSTEM
    )
    team = create_team(
        session,
        org,
        name=TEAM,
        cost_center_code="R-100",
        monthly_budget_n=parse_usd(TEAM_BUDGET_USD),
        by=SYSTEM,
    )
    set_allowed_models(session, team, TEAM_MODELS, by=SYSTEM)
    for email, role, budget_usd in PEOPLE:
        _join(session, org, team, email=email, role=role, budget_usd=budget_usd, now=now)
    _key, secret = create_key(session, admin, of=org, name="Website", pepper=pepper, now=now, by=SYSTEM)
    return {"org_id": str(org.id), "org_api_key": secret}


def _join(
    session: Session, org: Org, team: Team, *, email: str, role: str, budget_usd: str, now: datetime
) -> None:
    """Add somebody to the team, with an account that nobody knows the password of."""
    verify(sign_up(session, email=email, password=secrets.token_urlsafe(18)), now=now)
    add_member(
        session,
        org,
        email=email,
        role=role,
        team_id=team.id,
        monthly_budget_n=parse_usd(budget_usd),
        by=SYSTEM,
    )
