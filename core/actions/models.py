"""Models: switching one on and off."""

from sqlalchemy.orm import Session

from core.actions.providers import bump_catalog
from core.models import Model


def set_enabled(session: Session, model: Model, *, enabled: bool) -> None:
    """Let callers name the model, or not any more. Its offers and prices stay."""
    if model.enabled != enabled:
        model.enabled = enabled
        bump_catalog(session)
