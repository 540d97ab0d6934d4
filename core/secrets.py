"""Secrets: passwords as argon2id hashes, provider credentials sealed with AES-256-GCM.

A sealed value is one byte naming the key it was sealed with, a 12-byte nonce, and the ciphertext.
"""

import os
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_ID = 1
NONCE_BYTES = 12
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


@cache
def _nobody() -> str:
    """What a sign-in with an unknown address is checked against, so that it takes as long as a known one."""
    return _HASHER.hash("nobody signs in with this")


def password_matches(password_hash: str | None, password: str) -> bool:
    """Compare in the same time whether or not there is anything to compare with."""
    try:
        return _HASHER.verify(password_hash or _nobody(), password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def seal(secret: bytes, plain: str, *, context: str) -> bytes:
    """Encrypt; only `unseal` with the same secret and context opens it."""
    nonce = os.urandom(NONCE_BYTES)
    return bytes([KEY_ID]) + nonce + AESGCM(secret[:32]).encrypt(nonce, plain.encode(), context.encode())


def unseal(secret: bytes, sealed: bytes, *, context: str) -> str:
    """Decrypt. Raises ValueError when secret, key id or context is not the one it was sealed with."""
    key_id, nonce, ciphertext = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if key_id != bytes([KEY_ID]):
        raise ValueError("sealed with a key that is not known here")
    try:
        return AESGCM(secret[:32]).decrypt(nonce, ciphertext, context.encode()).decode()
    except InvalidTag:
        raise ValueError("does not open with PROVIDER_SECRET") from None
