"""Migrations go up, down and up again, and lead to exactly what the models say."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from core.actions.release import ROOT
from core.models import Base


def config(url: str) -> Config:
    made = Config(str(ROOT / "alembic.ini"))
    made.attributes["url"] = url
    return made


def test_every_migration_can_be_undone_and_done_again(database_url):
    command.downgrade(config(database_url), "base")
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ).scalars()
        assert list(tables) == ["alembic_version"]
    engine.dispose()

    command.upgrade(config(database_url), "head")


def test_keys_of_organizations_stop_working_where_organizations_are_taken_away(database_url, make, db):
    personal, shared = make.key(), make.key()
    org = make.org()
    shared.scope, shared.org_id, shared.wallet_id = "org", org.id, org.wallet_id
    db.commit()

    command.downgrade(config(database_url), "0001")
    enabled = dict(db.execute(text("SELECT id, enabled FROM api_keys")).all())
    db.rollback()
    command.upgrade(config(database_url), "head")

    assert enabled == {personal.id: True, shared.id: False}


def test_the_migrated_schema_is_the_one_of_the_models(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: (
                    not (kind == "table" and str(name).startswith("usage_events_"))
                ),
            },
        )

        assert compare_metadata(context, Base.metadata) == []
