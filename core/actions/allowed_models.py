"""Setting which models an organization, a team or a member may call."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from core.actions.audit import Actor
from core.actions.changes import Holder, change, lock_as_admin
from core.errors import BadRequest
from core.rules.allowed_models import cleaned, why_not


def set_allowed_models(session: Session, holder: Holder, patterns: Iterable[str], *, by: Actor) -> None:
    """Replace the list; an empty one restricts nothing. Raises BadRequest naming the entry that is wrong."""
    wanted = cleaned(patterns)
    if wrong := why_not(wanted):
        raise BadRequest(wrong, param="allowedModels")
    org = lock_as_admin(session, holder, by=by)
    change(session, org, holder, {"allowed_models": wanted}, by=by, action="allowed_models.updated")
