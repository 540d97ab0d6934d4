"""`breaker`: the spend circuit breaker of an organization, a team or a member."""

from typing import Any

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, table, yes_no
from cli.environment import in_transaction
from cli.options import USD, Noun
from cli.scopes import of_holder, the_holder
from core.actions.audit import OPERATOR
from core.actions.breakers import CLEARED, set_breaker, settings_of
from core.actions.changes import Holder
from core.errors import BadRequest
from core.money import Nanos, format_usd, usd
from core.rules.breakers import BreakerSettings, Resolved, resolve


@click.group("breaker", cls=Noun)
def breaker() -> None:
    """What may be spent in a minute and in an hour. A change holds for the very next call."""


@breaker.command("show")
@of_holder
@in_transaction
def show(session: Session, /, *, org: str, team: str | None, member: str | None) -> Answer:
    r"""What is set, and what holds because of it or of the scopes above.

    \b
    bazaar breaker show --org Acme
    bazaar breaker show --org Acme --team Research
    """
    return _answer(session, the_holder(session, org=org, team=team, member=member))


@breaker.command("set")
@of_holder
@click.option("--minute", type=USD, metavar="USD", help="The most in any minute, at the providers' prices.")
@click.option("--hour", type=USD, metavar="USD", help="The most in any hour, at the providers' prices.")
@click.option("--enabled/--disabled", "enabled", default=None, help="Watch, or do not.")
@click.option("--shadow/--no-shadow", "shadow", default=None, help="Only record what would be refused.")
@click.option("--clear", is_flag=True, help="Inherit all that is not given here.")
@in_transaction
def update(
    session: Session,
    /,
    *,
    org: str,
    team: str | None,
    member: str | None,
    minute: Nanos | None,
    hour: Nanos | None,
    enabled: bool | None,
    shadow: bool | None,
    clear: bool,
) -> Answer:
    r"""Change what is named; the rest stays as it is set.

    \b
    bazaar breaker set --org Acme --minute 5 --hour 20
    bazaar breaker set --org Acme --member bob@example.com --clear --shadow
    """
    holder = the_holder(session, org=org, team=team, member=member)
    given = {"cb_minute_n": minute, "cb_hourly_n": hour, "cb_enabled": enabled, "cb_shadow": shadow}
    changes: Any = dict(CLEARED) if clear else {}
    changes |= {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise BadRequest("Name at least one setting, or --clear.")
    set_breaker(session, holder, by=OPERATOR, **changes)
    return _answer(session, holder)


def _answer(session: Session, holder: Holder) -> Answer:
    said, holds = holder.breaker, resolve(*settings_of(session, holder))
    rows = [
        ("enabled", _flag(value=said.enabled), yes_no(value=holds.enabled)),
        ("minute", _amount(said.minute_n), format_usd(holds.minute_n)),
        ("hour", _amount(said.hourly_n), format_usd(holds.hourly_n)),
        ("shadow", _flag(value=said.shadow), yes_no(value=holds.shadow)),
    ]
    data = {"settings": _data(said), "resolved": _data(holds)}
    return Answer(data, table(("SETTING", "SET", "HOLDS"), rows))


def _flag(*, value: bool | None) -> str:
    return "inherited" if value is None else yes_no(value=value)


def _amount(threshold_n: int | None) -> str:
    return "inherited" if threshold_n is None else format_usd(threshold_n)


def _data(settings: BreakerSettings | Resolved) -> dict[str, object]:
    return {
        "enabled": settings.enabled,
        "minute_usd": None if settings.minute_n is None else usd(settings.minute_n),
        "hourly_usd": None if settings.hourly_n is None else usd(settings.hourly_n),
        "shadow": settings.shadow,
    }
