"""`migrate` and `catalog`: bringing a database to this release."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy.orm import Session

from cli.answers import Answer
from cli.environment import current_settings, in_transaction, open_engine
from cli.options import Noun, Verb
from core.actions import release
from core.actions.catalog import load_catalog
from core.errors import BadRequest

CATALOG = release.ROOT / "catalog" / "models.json"
MAX_CATALOG_BYTES = 64 * 1024 * 1024


@click.command("migrate", cls=Verb)
def migrate() -> Answer:
    r"""Bring the database to this release. Running it again changes nothing.

    \b
    bazaar migrate
    """
    with open_engine(current_settings()) as engine:
        release.migrate(engine, today=datetime.now(UTC).date())
    return Answer({"migrated": True}, "The database is at this release.")


@click.group("catalog", cls=Noun)
def catalog() -> None:
    """The committed catalogue of models and prices."""


@catalog.command("load")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=CATALOG,
    show_default="the catalogue of this release",
)
@in_transaction
def load(session: Session, /, *, path: Path) -> Answer:
    r"""Load a catalogue file. What operators added stays; loading it again changes nothing.

    \b
    bazaar catalog load
    bazaar catalog load --file my-models.json
    """
    document = _read(path)
    try:
        changed = load_catalog(session, document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadRequest(f"{path} is not a catalogue file: {error!r}.", param="file") from error
    models = len(document["models"])
    return Answer(
        {"models": models, "changed": changed}, f"{models} models in the file, {changed} rows changed."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CATALOG_BYTES:
            raise BadRequest(f"{path} is larger than {MAX_CATALOG_BYTES:,} bytes.", param="file")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.", param="file") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path} is not a catalogue file: {error}.", param="file") from error
