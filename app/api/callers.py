"""Who calls the API: a Bearer key, or the session of somebody signed in to the portal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import current_app, g, request

from app.access import allow
from app.csrf import carries_key
from app.sessions import find_user
from core.actions.audit import Actor, person, program
from core.config import Settings
from core.errors import Forbidden, Unauthenticated
from core.ids import EDUCATION_PREFIX, digest_key, is_well_formed
from core.models import User
from core.queries.grants import grant_by_digest
from core.queries.users import user_by_id

MANAGEMENT = "management"
# Their wallet is the whole organization's: what it holds and who spent it is not theirs to know.
PARTIAL_SCOPES = ("team", "member")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose resources a request is about. `key_id` and `key_type` are None for a session."""

    user_id: UUID
    wallet_id: UUID
    key_id: UUID | None = None
    key_type: str | None = None

    def user(self) -> User:
        found: User = g.db.scalars(user_by_id(self.user_id)).one()
        return found


def caller() -> Caller:
    """The caller of this request, once its check has passed."""
    found: Caller = g.caller
    return found


def actor() -> Actor:
    """The caller, as the audit log names it."""
    found, ip = caller(), request.remote_addr or ""
    if found.key_id is None:
        return person(found.user_id, ip=ip)
    return program(found.key_id, found.user_id, ip=ip)


def require_reader() -> None:
    """Let in any live key, and who is signed in. Raises Unauthenticated or Forbidden."""
    g.caller = _by_key() if carries_key() else _by_session()


def require_manager() -> None:
    """Let in management keys, and who is signed in: a standard key manages nothing."""
    require_reader()
    if caller().key_type not in {None, MANAGEMENT}:
        raise Forbidden("Standard keys cannot manage keys. Use a management key.")


reader = allow(require_reader)
manager = allow(require_manager)


def _by_session() -> Caller:
    user = find_user()
    if user is None:
        raise Unauthenticated("Send a key as `Authorization: Bearer sk-bl-...`, or sign in.")
    return Caller(user.id, user.wallet_id)


def _by_key() -> Caller:
    settings: Settings = current_app.extensions["settings"]
    scheme, _, secret = request.headers["Authorization"].partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not is_well_formed(secret):
        raise Unauthenticated
    if secret.startswith(EDUCATION_PREFIX):
        raise Forbidden("Education keys cannot be used directly. Visit /access to exchange for a session.")
    row = g.db.execute(grant_by_digest(digest_key(secret, settings.key_pepper))).one_or_none()
    if row is None or not row.enabled:
        raise Unauthenticated
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        raise Unauthenticated
    if row.wallet_suspended_at is not None or row.user_suspended_at is not None:
        raise Forbidden("This account is suspended. Contact support to have it looked at.")
    if row.scope in PARTIAL_SCOPES:
        raise Forbidden("Keys of a team or a member call models; they do not read the organization's books.")
    return Caller(row.user_id, row.wallet_id, row.key_id, row.key_type)
