"""What a command works with: settings from --state or the environment, and one transaction."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click
import msgspec
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cli.answers import Answer
from core.actions.versions import check_in_force, enforce_after_commit
from core.config import Misconfigured, Settings
from core.counters.client import Counters
from core.db import session_factory, sync_engine, transaction
from core.jobs import connect, deliver_after_commit

STATE = "bazaar.state"  # where the options keep the directory, in click's context
P = ParamSpec("P")


def read_settings(state: Path | None, env: Mapping[str, str]) -> Settings:
    """The settings of `state`'s settings.json, or of the environment. Raises Misconfigured."""
    if state is not None:
        return Settings.from_env(_read_env(state / "settings.json"))
    if not env.get("DATABASE_URL"):
        raise Misconfigured("DATABASE_URL is not set. To talk to a running bin/dev, add: --state var/dev")
    return Settings.from_env(env)


def _read_env(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read ({error.strerror}). Is bin/dev running with this --state?"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Misconfigured(f"{path} must be one flat JSON object of environment variables.") from None


def current_settings() -> Settings:
    """The settings of the command that is running."""
    context = click.get_current_context()
    return read_settings(context.meta.get(STATE), context.find_object(dict) or {})


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    engine = sync_engine(settings.database_url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """One transaction; the jobs it notes leave when it commits."""
    with open_engine(settings) as engine, connect(settings.redis_url) as redis:
        factory = session_factory(engine)
        deliver_after_commit(factory, redis)
        enforce_after_commit(factory, Counters(settings.counters_url))
        with transaction(factory) as session:
            yield session
        check_in_force(session)


def in_transaction(command: Callable[Concatenate[Session, P], Answer]) -> Callable[P, Answer]:
    """Run a command in one transaction; it answers once that has committed."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> Answer:
        with open_session(current_settings()) as session:
            return command(session, *args, **kwargs)

    return run
