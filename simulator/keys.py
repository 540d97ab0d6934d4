"""Whom the simulator serves: everyone with a key, but not with the key `revoked`."""

from collections.abc import Mapping

from simulator.refusals import Refusal

REVOKED = "revoked"


def bearer(headers: Mapping[str, str]) -> str:
    """Give the token that the caller shows; empty when there is none."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_key(key: str, *, missing: int = 401, revoked: int = 401, param: str | None = None) -> None:
    """Refuse a caller without a key, or with the revoked one, with the statuses of the provider."""
    if not key:
        raise Refusal("You didn't provide an API key. Any key but 'revoked' will do here.", status=missing)
    if key == REVOKED:
        raise Refusal("This API key has been revoked. Use any other key.", status=revoked, param=param)
