"""Finding teams, always within an organization."""

from uuid import UUID

from sqlalchemy import Select, func, select

from core.models import Team


def teams_of(org_id: UUID) -> Select[Team]:
    """The teams there are, by name."""
    return (
        select(Team)
        .where(Team.org_id == org_id, Team.deleted_at.is_(None))
        .order_by(func.lower(Team.name), Team.id)
    )


def team_of(org_id: UUID, team_id: UUID) -> Select[Team]:
    """One team: not in this organization means not found."""
    return teams_of(org_id).where(Team.id == team_id)


def team_named(org_id: UUID, name: str) -> Select[Team]:
    """The team of this name, whatever the case."""
    return teams_of(org_id).where(func.lower(Team.name) == func.lower(name))
