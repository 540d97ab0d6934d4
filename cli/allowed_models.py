"""`allowed-models`: which models an organization, a team or a member may call."""

from collections.abc import Sequence

import click
from sqlalchemy.orm import Session

from cli.answers import Answer
from cli.environment import in_transaction
from cli.options import Noun
from cli.scopes import of_holder, the_holder
from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from core.actions.changes import Holder


@click.group("allowed-models", cls=Noun)
def allowed_models() -> None:
    """Lists of allowed models. A model must be on every list that is not empty: the organization's, the
    team's, the member's. A change holds for the very next call.
    """


@allowed_models.command("show")
@of_holder
@in_transaction
def show(session: Session, /, *, org: str, team: str | None, member: str | None) -> Answer:
    r"""The list of an organization, a team or a member.

    \b
    bazaar allowed-models show --org Acme --team Research
    """
    return _answer(the_holder(session, org=org, team=team, member=member))


@allowed_models.command("set")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@of_holder
@in_transaction
def update(
    session: Session, /, models: Sequence[str], *, org: str, team: str | None, member: str | None
) -> Answer:
    r"""Replace the list. A model is an id, or all of an author with author/*.

    \b
    bazaar allowed-models set openai/gpt-4o 'anthropic/*' --org Acme --team Research
    """
    holder = the_holder(session, org=org, team=team, member=member)
    set_allowed_models(session, holder, models, by=OPERATOR)
    return _answer(holder)


@allowed_models.command("clear")
@of_holder
@in_transaction
def clear(session: Session, /, *, org: str, team: str | None, member: str | None) -> Answer:
    """Empty the list: it restricts nothing any more."""
    holder = the_holder(session, org=org, team=team, member=member)
    set_allowed_models(session, holder, [], by=OPERATOR)
    return _answer(holder)


def _answer(holder: Holder) -> Answer:
    return Answer(
        {"allowed_models": holder.allowed_models}, "\n".join(holder.allowed_models) or "No restriction."
    )
