"""What a credential's calls count against, made of the settings of its key, member, team and organization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core.rules.breakers import BreakerSettings, resolve_scopes
from core.rules.periods import Period
from core.rules.scopes import NO_THRESHOLD_N, Fuse, Subject


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key belongs. None: there is no such scope."""

    key_id: UUID
    org_id: UUID | None = None
    team_id: UUID | None = None
    member_id: UUID | None = None


def subjects_of(
    place: Place,
    *,
    limit_n: int | None,
    period: Period,
    member_budget_n: int | None,
    team_budget_n: int | None,
) -> tuple[Subject, ...]:
    """The key's limit, the member's budget, the team's budget: in the order they are asked."""
    subjects = [Subject("key", place.key_id, limit_n, period)]
    if place.member_id is not None:
        subjects.append(Subject("member", place.member_id, member_budget_n))
    if place.team_id is not None:
        subjects.append(Subject("team", place.team_id, team_budget_n))
    return tuple(subjects)


def fuses_of(
    place: Place, settings: Mapping[Literal["member", "team", "org"], BreakerSettings]
) -> tuple[Fuse, ...]:
    """The breakers of an organization's key; a personal key has only the global one."""
    if place.org_id is None:
        return ()
    ids = {"member": place.member_id, "team": place.team_id, "org": place.org_id}
    there = {scope: settings[scope] for scope in settings if ids[scope] is not None}
    resolved = resolve_scopes(there.get("member"), there.get("team"), settings["org"])
    fuses = []
    for scope, terms in resolved.items():
        subject_id = ids[scope]
        assert subject_id is not None  # resolved only where there is one
        minute_n, hourly_n = (
            (terms.minute_n, terms.hourly_n) if terms.enabled else (NO_THRESHOLD_N, NO_THRESHOLD_N)
        )
        fuses.append(Fuse(scope, subject_id, minute_n, hourly_n, is_shadow=terms.shadow))
    return tuple(fuses)
