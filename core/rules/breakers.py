"""The spend circuit breaker: which thresholds hold where.

Each scope has a spend of its own in two sliding windows, compared with the settings of that scope. A field it
does not set is taken from the scope above: the member's from the team, the team's from the organization, the
organization's from the installation.
"""

from dataclasses import dataclass
from typing import Literal

from core.money import NANOS_PER_USD

Scope = Literal["member", "team", "org"]


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """What one scope says; None inherits. Thresholds are upstream cost in nano-dollars."""

    enabled: bool | None = None
    minute_n: int | None = None
    hourly_n: int | None = None
    shadow: bool | None = None  # record what would have been refused, refuse nothing


@dataclass(frozen=True, slots=True)
class Resolved:
    """What holds for a scope."""

    enabled: bool
    minute_n: int
    hourly_n: int
    shadow: bool


INHERIT = BreakerSettings()
DEFAULT = Resolved(enabled=True, minute_n=5 * NANOS_PER_USD, hourly_n=20 * NANOS_PER_USD, shadow=False)


def resolve(
    member: BreakerSettings | None,
    team: BreakerSettings | None,
    org: BreakerSettings,
    default: Resolved = DEFAULT,
) -> Resolved:
    """The settings of the narrowest scope there is, field by field; None: a call that has no such scope."""
    resolved = default
    for settings in (org, team or INHERIT, member or INHERIT):
        resolved = Resolved(
            enabled=resolved.enabled if settings.enabled is None else settings.enabled,
            minute_n=resolved.minute_n if settings.minute_n is None else settings.minute_n,
            hourly_n=resolved.hourly_n if settings.hourly_n is None else settings.hourly_n,
            shadow=resolved.shadow if settings.shadow is None else settings.shadow,
        )
    return resolved


def resolve_scopes(
    member: BreakerSettings | None,
    team: BreakerSettings | None,
    org: BreakerSettings,
    default: Resolved = DEFAULT,
) -> dict[Scope, Resolved]:
    """The settings of each scope a call counts in, the narrowest first."""
    scopes: dict[Scope, Resolved] = {}
    if member is not None:
        scopes["member"] = resolve(member, team, org, default)
    if team is not None:
        scopes["team"] = resolve(None, team, org, default)
    scopes["org"] = resolve(None, None, org, default)
    return scopes
