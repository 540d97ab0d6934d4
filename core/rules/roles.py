"""Who may decide what in an organization. Nobody gives more than they have.

An organization's admins and the operator decide everything in it. A team admin decides about the members of
the own team, and gives no budget wider than the narrower of the own one and the team's.
"""

from dataclasses import dataclass
from uuid import UUID

ROLES = ("org_admin", "billing_viewer", "team_admin", "member")
WITHIN_A_TEAM = ("team_admin", "member")


@dataclass(frozen=True, slots=True)
class Authority:
    """What somebody has in an organization."""

    role: str
    team_id: UUID | None = None
    budget_n: int | None = None  # a month, nano-dollars; None: without a bound


EVERYTHING = Authority("org_admin")


def runs_org(authority: Authority) -> bool:
    return authority.role == "org_admin"


def runs_team(authority: Authority, team_id: UUID | None) -> bool:
    """Say whether they decide about the members of this team; None: about those of no team."""
    own = authority.role == "team_admin" and team_id is not None and team_id == authority.team_id
    return own or runs_org(authority)


def may_give_role(authority: Authority, role: str, team_id: UUID | None) -> bool:
    """Say whether they may make somebody this in this team, or decide about somebody who is."""
    return runs_org(authority) or (runs_team(authority, team_id) and role in WITHIN_A_TEAM)


def may_give_budget(authority: Authority, budget_n: int | None) -> bool:
    """Say whether they may let somebody spend this much a month; None: without a bound."""
    if runs_org(authority) or authority.budget_n is None:
        return True
    return budget_n is not None and budget_n <= authority.budget_n


def narrower(*budgets: int | None) -> int | None:
    """The smallest of these budgets; None bounds nothing."""
    return min((budget_n for budget_n in budgets if budget_n is not None), default=None)
