"""Tokens that travel by mail: signed, of limited age, and worth nothing for any other purpose."""

from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

VERIFY_EMAIL = "verify-email"
MAX_TOKEN = 500


def verification_token(secret_key: str, user_id: UUID) -> str:
    """What proves that whoever shows it reads the user's mail. It fits into a URL."""
    return URLSafeTimedSerializer(secret_key, salt=VERIFY_EMAIL).dumps(str(user_id))


def read_verification_token(secret_key: str, token: str, max_age_s: int) -> UUID | None:
    """Whose mail the token proves; None for one that is forged, damaged or older than `max_age_s`."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        value = URLSafeTimedSerializer(secret_key, salt=VERIFY_EMAIL).loads(token, max_age=max_age_s)
        return UUID(value)
    except (BadData, ValueError, TypeError, AttributeError):
        return None
