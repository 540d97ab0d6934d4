"""Finding accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from core.models import User, UserSession


def user_by_email(email: str) -> Select[User]:
    """`email` in lower case."""
    return select(User).where(User.email == email)


def user_by_id(user_id: UUID) -> Select[User]:
    return select(User).where(User.id == user_id).options(joinedload(User.wallet))


def user_of_session(digest: bytes, *, now: datetime) -> Select[User]:
    """Who is signed in with this token digest: nobody once it expired or the account is suspended."""
    return (
        select(User)
        .join(UserSession, UserSession.user_id == User.id)
        .where(UserSession.digest == digest, UserSession.expires_at > now, User.suspended_at.is_(None))
        .options(joinedload(User.wallet))
    )


def latest_users(*, limit: int) -> Select[User]:
    """The newest accounts, each with its wallet."""
    return (
        select(User).options(joinedload(User.wallet)).order_by(User.created_at.desc(), User.id).limit(limit)
    )
