"""Models: switching one on and off."""

from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, alter
from core.actions.providers import bump_catalog
from core.models import Model


def set_enabled(session: Session, model: Model, *, enabled: bool, by: Actor = OPERATOR) -> None:
    """Let callers name the model, or not any more. Its offers and prices stay."""
    subject = Subject("model", model.id)
    if alter(session, model, {"enabled": enabled}, action="model.updated", subject=subject, by=by):
        bump_catalog(session)
