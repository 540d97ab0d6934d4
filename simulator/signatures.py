"""Signatures of thoughts: who sends one back changed, or to another provider, is refused."""

import base64
import hmac


def sign(provider: str, signed: str) -> str:
    """Sign a text in the name of a provider. Equal texts get equal signatures."""
    digest = hmac.digest(b"simulator", f"{provider}\n{signed}".encode(errors="replace"), "sha256")
    return base64.b64encode(digest).decode()


def is_signed(provider: str, signed: str, signature: object) -> bool:
    return isinstance(signature, str) and hmac.compare_digest(
        sign(provider, signed).encode(), signature.encode(errors="replace")
    )
