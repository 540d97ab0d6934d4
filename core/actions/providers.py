"""Providers: adding one, giving it a credential. Changes are noticed by running processes within 2 s."""

import re
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, alter, record
from core.errors import BadRequest, Conflict
from core.models import CatalogVersion, Provider
from core.queries.catalog import provider_by_name
from core.rules.addresses import why_not_base_url
from core.secrets import seal

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
KINDS = ("openai", "anthropic", "gemini")  # the dialects providers speak
MAX_KEY = 4096


def add_provider(
    session: Session,
    *,
    name: str,
    kind: str,
    base_url: str,
    title: str | None = None,
    api_key: str | None = None,
    secret: bytes,
    allow_private: bool = False,
    by: Actor = OPERATOR,
) -> Provider:
    """Add a provider. Its credential is sealed with `secret` and never shown again.

    Raises BadRequest for an unusable field, Conflict when the name is taken.
    """
    _refuse_odd_names(name, kind)
    _refuse_odd_url(base_url, allow_private=allow_private)
    _refuse_taken(session, name)
    provider = Provider(
        name=name,
        title=title or name,
        kind=kind,
        base_url=base_url.rstrip("/"),
        allow_private=allow_private,
    )
    session.add(provider)
    session.flush()  # sealing a credential needs nothing of it, but offers refer to it
    after = {"kind": kind, "base_url": provider.base_url, "allow_private": allow_private}
    record(session, "provider.added", _subject(provider), by=by, after=after)
    if api_key is not None:
        set_key(session, provider, api_key, secret=secret, by=by)
    bump_catalog(session)
    return provider


def put_provider(
    session: Session,
    *,
    name: str,
    kind: str,
    base_url: str,
    api_key: str,
    secret: bytes,
    title: str | None = None,
    allow_private: bool = False,
    by: Actor = OPERATOR,
) -> Provider:
    """Add a provider, or bring the one of that name to this address, with the credential given for it.

    Raises BadRequest for an unusable field.
    """
    place: dict[str, Any] = {
        "base_url": base_url, "api_key": api_key, "secret": secret, "allow_private": allow_private, "by": by,
    }  # fmt: skip
    provider = session.scalar(provider_by_name(name))
    if provider is None:
        return add_provider(session, name=name, kind=kind, title=title, **place)
    move_provider(session, provider, **place)
    return provider


def move_provider(
    session: Session,
    provider: Provider,
    *,
    base_url: str,
    api_key: str,
    secret: bytes,
    allow_private: bool = False,
    by: Actor = OPERATOR,
) -> None:
    """Call a provider at another address. The credential is given with it: one that was trusted to the old
    address is never sent to a new one. Raises BadRequest for an unusable field.
    """
    _refuse_odd_url(base_url, allow_private=allow_private)
    changes = {"base_url": base_url.rstrip("/"), "allow_private": allow_private}
    if alter(session, provider, changes, action="provider.updated", subject=_subject(provider), by=by):
        set_key(session, provider, api_key, secret=secret, by=by)


def _refuse_odd_names(name: str, kind: str) -> None:
    if not NAME.fullmatch(name):
        raise BadRequest(
            "The name must be lower-case letters, digits, dot, dash or underscore.", param="name"
        )
    if kind not in KINDS:
        raise BadRequest(f"The kind must be one of: {', '.join(KINDS)}.", param="kind")


def _refuse_odd_url(base_url: str, *, allow_private: bool) -> None:
    if wrong := why_not_base_url(base_url, allow_private=allow_private):
        raise BadRequest(wrong, param="base_url")


def _refuse_taken(session: Session, name: str) -> None:
    if session.scalar(provider_by_name(name)) is not None:
        raise Conflict(f"There is a provider named {name} already.")


def set_key(
    session: Session, provider: Provider, api_key: str, *, secret: bytes, by: Actor = OPERATOR
) -> None:
    """Give a provider its credential. Raises BadRequest for one that cannot be sent in a header."""
    if not 1 <= len(api_key) <= MAX_KEY or not api_key.isascii() or not api_key.isprintable():
        raise BadRequest("The API key must be printable ASCII without line breaks.", param="api_key")
    provider.sealed_key = seal(secret, api_key, context=f"provider:{provider.name}")
    record(session, "provider.credential_set", _subject(provider), by=by)
    bump_catalog(session)


def set_enabled(session: Session, provider: Provider, *, enabled: bool, by: Actor = OPERATOR) -> None:
    """Send the provider calls, or none any more."""
    changes = {"enabled": enabled}
    if alter(session, provider, changes, action="provider.updated", subject=_subject(provider), by=by):
        bump_catalog(session)


def _subject(provider: Provider) -> Subject:
    return Subject("provider", provider.name)


def bump_catalog(session: Session) -> None:
    """Tell running processes that the catalogue changed."""
    session.execute(update(CatalogVersion).values(version=CatalogVersion.version + 1))
