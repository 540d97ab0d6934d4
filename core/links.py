"""Links in mails that prove something: signed, dated, and good for one purpose."""

from datetime import timedelta
from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

VERIFICATION_LIFE = timedelta(days=3)


def verification_token(user_id: UUID, email: str, *, secret: str) -> str:
    """What the link in a verification mail carries: this account asked to have this address proved."""
    return _verification(secret).dumps([str(user_id), email])


def read_verification(token: str, *, secret: str) -> tuple[UUID, str] | None:
    """The account and address of a token; None when it is not ours, was changed, or is too old."""
    try:
        user_id, email = _verification(secret).loads(token, max_age=int(VERIFICATION_LIFE.total_seconds()))
    except BadData:
        return None
    return UUID(user_id), email


def _verification(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="verify-email")
