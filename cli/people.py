"""Finding the account a command is about."""

from sqlalchemy.orm import Session

from core.actions.users import clean_email
from core.errors import NotFound
from core.models import User
from core.queries.users import user_by_email


def the_user(session: Session, email: str) -> User:
    """The account of this mail address. Raises NotFound naming it, BadRequest for what is no address."""
    user = session.scalar(user_by_email(clean_email(email)))
    if user is None:
        raise NotFound(f"There is no account with the mail address {email}.")
    return user
