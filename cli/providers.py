"""`provider`: who serves models upstream."""

from typing import Any

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table, yes_no
from cli.environment import current_settings, in_transaction
from cli.options import Noun, credential
from core.actions import providers as actions
from core.errors import BadRequest, NotFound
from core.models import Provider
from core.queries.catalog import all_providers, provider_by_name


@click.group("provider", cls=Noun)
def providers() -> None:
    """Providers that serve models. A change is in force within two seconds."""


@providers.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(actions.KINDS), default="openai", show_default=True)
@click.option("--base-url", required=True, help="Such as https://api.example.com/v1.")
@click.option("--api-key-env", metavar="VAR", help="Take our credential from this environment variable.")
@click.option(
    "--api-key", help="Our credential. Other users of this machine may see it: prefer --api-key-env."
)
@click.option("--allow-private", is_flag=True, help="It may live on http and on a private address.")
@click.option("--title", help="Its name for people.  [default: NAME]")
@in_transaction
def add(
    session: Session, /, name: str, *, api_key_env: str | None, api_key: str | None, **fields: Any
) -> Answer:
    r"""Add a provider. Without a credential its models are listed and cannot be called.

    \b
    bazaar provider add openai --base-url https://api.openai.com/v1 --api-key-env OPENAI_API_KEY
    bazaar provider add lab --base-url http://10.0.0.5:8000/v1 --allow-private --api-key none
    """
    provider = actions.add_provider(
        session,
        name=name,
        api_key=credential(api_key, api_key_env),
        secret=current_settings().provider_secret,
        **fields,
    )
    shown = [
        ("Provider", provider.name),
        ("Base URL", provider.base_url),
        ("Credential", _credential(provider)),
    ]
    return Answer(_data(provider), facts(shown))


@providers.command("list")
@in_transaction
def show(session: Session, /) -> Answer:
    r"""Every provider, by name.

    \b
    bazaar provider list
    """
    found = session.scalars(all_providers()).all()
    rows = [
        (p.name, p.title, p.kind, p.base_url, _credential(p), yes_no(value=p.allow_private), _state(p))
        for p in found
    ]
    heads = ("NAME", "TITLE", "KIND", "BASE URL", "CREDENTIAL", "PRIVATE", "STATE")
    return Answer({"providers": [_data(p) for p in found]}, table(heads, rows) if rows else "No providers.")


@providers.command("set-key")
@click.argument("name")
@click.option("--api-key-env", metavar="VAR", help="Take our credential from this environment variable.")
@click.option(
    "--api-key", help="Our credential. Other users of this machine may see it: prefer --api-key-env."
)
@in_transaction
def set_key(session: Session, /, name: str, *, api_key_env: str | None, api_key: str | None) -> Answer:
    r"""Give a provider another credential of ours.

    \b
    bazaar provider set-key openai --api-key-env OPENAI_API_KEY
    """
    provider = _the_provider(session, name)
    secret = current_settings().provider_secret
    actions.set_key(session, provider, _given(api_key, api_key_env), secret=secret)
    return Answer(_data(provider), f"The provider {provider.name} has a new credential.")


@providers.command("set-url")
@click.argument("name")
@click.option("--base-url", required=True, help="Such as https://api.example.com/v1.")
@click.option("--api-key-env", metavar="VAR", help="Take our credential from this environment variable.")
@click.option(
    "--api-key", help="Our credential. Other users of this machine may see it: prefer --api-key-env."
)
@click.option("--allow-private", is_flag=True, help="It may live on http and on a private address.")
@in_transaction
def set_url(
    session: Session,
    /,
    name: str,
    *,
    base_url: str,
    api_key_env: str | None,
    api_key: str | None,
    allow_private: bool,
) -> Answer:
    r"""Call a provider at another address. Its credential is asked for again: it must not go astray.

    \b
    bazaar provider set-url openai --base-url https://eu.api.openai.com/v1 --api-key-env OPENAI_API_KEY
    """
    provider = _the_provider(session, name)
    actions.move_provider(
        session,
        provider,
        base_url=base_url,
        api_key=_given(api_key, api_key_env),
        secret=current_settings().provider_secret,
        allow_private=allow_private,
    )
    return Answer(_data(provider), f"The provider {provider.name} is called at {provider.base_url} now.")


@providers.command("disable")
@click.argument("name")
@in_transaction
def disable(session: Session, /, name: str) -> Answer:
    """Send a provider no more calls."""
    return _switch(session, name, enabled=False)


@providers.command("enable")
@click.argument("name")
@in_transaction
def enable(session: Session, /, name: str) -> Answer:
    """Send a disabled provider calls again."""
    return _switch(session, name, enabled=True)


def _given(api_key: str | None, api_key_env: str | None) -> str:
    given = credential(api_key, api_key_env)
    if given is None:
        raise BadRequest("Give the credential with --api-key-env or --api-key.", param="api_key")
    return given


def _switch(session: Session, name: str, *, enabled: bool) -> Answer:
    provider = _the_provider(session, name)
    actions.set_enabled(session, provider, enabled=enabled)
    return Answer(_data(provider), f"The provider {provider.name} is {'enabled' if enabled else 'disabled'}.")


def _the_provider(session: Session, name: str) -> Provider:
    provider = session.scalar(provider_by_name(name))
    if provider is None:
        raise NotFound(f"There is no provider named {name}. See bazaar provider list.")
    return provider


def _credential(provider: Provider) -> str:
    return "none" if provider.sealed_key is None else "set"


def _state(provider: Provider) -> str:
    return "on" if provider.enabled else "off"


def _data(provider: Provider) -> dict[str, object]:
    return {
        "id": provider.id,
        "name": provider.name,
        "title": provider.title,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "has_credential": provider.sealed_key is not None,
        "allow_private": provider.allow_private,
        "enabled": provider.enabled,
    }
