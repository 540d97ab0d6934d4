"""Secrets of a state directory: made once, kept in env.json for its owner only."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from dev.files import read_json, write_json


def word() -> str:
    return secrets.token_urlsafe(18)


def key() -> str:
    return secrets.token_hex(32)


MAKERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": key,
    "KEY_PEPPER": key,
    "PROVIDER_SECRET": key,
    "DATABASE_PASSWORD": word,
    "VALKEY_PASSWORD": word,
    "DEMO_PASSWORD": word,
    "DEMO_OPERATOR_PASSWORD": word,
}


def secrets_of(state: Path) -> dict[str, str]:
    """Return the secrets, making those that are missing."""
    path = state / "env.json"
    kept: dict[str, str] = read_json(path)
    whole = {name: kept.get(name) or make() for name, make in MAKERS.items()}
    if whole != kept:
        write_json(path, whole)
    return whole
