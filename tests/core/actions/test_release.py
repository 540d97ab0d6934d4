"""A release can be run again: it finds its work done."""

from datetime import UTC, datetime

from sqlalchemy import text

from core.actions.release import ROOT, migrate


def test_migrating_again_changes_nothing(engine, db):
    before = db.execute(text("SELECT version_num FROM alembic_version")).all()
    db.rollback()

    migrate(engine, today=datetime.now(UTC).date())

    assert db.execute(text("SELECT version_num FROM alembic_version")).all() == before


def test_the_migrations_are_found_from_any_directory(tmp_path, monkeypatch, engine):
    monkeypatch.chdir(tmp_path)

    migrate(engine, today=datetime.now(UTC).date())

    assert (ROOT / "alembic.ini").is_file()
