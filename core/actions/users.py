"""Accounts: signing up, proving a mail address, signing in and out, being suspended."""

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.actions.audit import Actor, Subject, alter
from core.actions.versions import bump_wallet
from core.actions.wallets import open_wallet
from core.errors import BadRequest, Conflict
from core.jobs import SEND_VERIFICATION, enqueue_after_commit
from core.models import User, UserSession
from core.queries.keys import wallets_of_keys
from core.queries.users import user_by_email
from core.secrets import hash_password, password_matches

MIN_PASSWORD = 12
MAX_PASSWORD = 200
MAX_EMAIL = 254
TAKEN = "This mail address already has an account. Sign in instead."
SESSION_LIFE = timedelta(days=14)
# One @, no spaces or control characters, a dot in the domain. The mail that arrives is the proof.
EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


def clean_email(text: str) -> str:
    """The address as it is kept. Raises BadRequest for what is none."""
    email = text.strip().lower()
    if len(email) > MAX_EMAIL or not EMAIL.fullmatch(email):
        raise BadRequest("Please give a mail address, such as name@example.com.", param="email")
    return email


def sign_up(session: Session, *, email: str, password: str, operator: bool = False) -> User:
    """Open an account with an empty wallet and send its verification mail.

    Raises BadRequest for an unusable address or password, Conflict when the address has an account.
    """
    email = clean_email(email)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadRequest(
            f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters.", param="password"
        )
    if session.scalar(user_by_email(email)) is not None:
        raise Conflict(TAKEN)
    password_hash = hash_password(password)
    try:
        with session.begin_nested():
            wallet = open_wallet(session)
            session.flush()  # the user row refers to it
            user = User(email=email, password_hash=password_hash, is_operator=operator, wallet_id=wallet.id)
            user.wallet = wallet
            session.add(user)
            session.flush()  # the job below needs the id
    except IntegrityError:  # somebody signed up with it since we looked
        raise Conflict(TAKEN) from None
    send_verification(session, user)
    return user


def send_verification(session: Session, user: User) -> None:
    if user.verified_at is None:
        enqueue_after_commit(session, SEND_VERIFICATION, user.id)


def verify(user: User, *, now: datetime) -> None:
    if user.verified_at is None:
        user.verified_at = now


def suspend_user(session: Session, user: User, *, now: datetime, by: Actor) -> None:
    """Refuse the account's sign-ins and the calls of all keys it owns, in organizations too."""
    _set_suspended(session, user, now, by=by)


def resume_user(session: Session, user: User, *, by: Actor) -> None:
    """Let a suspended account in again."""
    _set_suspended(session, user, None, by=by)


def _set_suspended(session: Session, user: User, at: datetime | None, *, by: Actor) -> None:
    # Locked against new keys too, which refer to this row: the wallets below are all that there are.
    session.refresh(user, ["suspended_at"], with_for_update=True)
    if (user.suspended_at is None) == (at is None):
        return
    subject = Subject("user", user.id, wallet_id=user.wallet_id)
    action = "user.resumed" if at is None else "user.suspended"
    alter(session, user, {"suspended_at": at}, action=action, subject=subject, by=by)
    for wallet_id in session.scalars(wallets_of_keys(user.id)).all():
        bump_wallet(session, wallet_id)


def authenticate(session: Session, *, email: str, password: str) -> User | None:
    """The account these belong to; None, in the same time, when there is none."""
    email = email.strip().lower()
    known = len(email) <= MAX_EMAIL and EMAIL.fullmatch(email)  # the database cannot be asked for every text
    user = session.scalar(user_by_email(email)) if known else None
    usable = len(password) <= MAX_PASSWORD
    matches = password_matches(user.password_hash if user and usable else None, password[:MAX_PASSWORD])
    return user if matches and user is not None and user.suspended_at is None else None


def open_session(session: Session, user: User, *, ip: str, user_agent: str, now: datetime) -> str:
    """Sign a browser in. Returns the token for its cookie; only the digest is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            digest=session_digest(token),
            user_id=user.id,
            ip=ip[:64],
            user_agent=user_agent[:200],
            expires_at=now + SESSION_LIFE,
        )
    )
    return token


def close_session(session: Session, token: str) -> None:
    session.execute(delete(UserSession).where(UserSession.digest == session_digest(token)))


def purge_sessions(session: Session, *, now: datetime) -> None:
    """Forget the sign-ins that have run out."""
    session.execute(delete(UserSession).where(UserSession.expires_at <= now))


def session_digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
