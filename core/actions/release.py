"""Bringing a database to this release: migrations, then what depends on the day."""

from datetime import date
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from core.actions.partitions import ensure_coming_partitions

ROOT = Path(__file__).resolve().parents[2]


def migrate(engine: Engine, *, today: date) -> None:
    """Run the migrations that have not run, then make the partitions the coming months need."""
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = engine.url.render_as_string(hide_password=False)
    command.upgrade(config, "head")
    with Session(engine) as session, session.begin():
        ensure_coming_partitions(session, today=today)
