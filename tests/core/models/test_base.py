"""Every constraint has a name that a later migration can call it by."""

from uuid import UUID

from sqlalchemy import DateTime

from core import models
from core.models import Base, Provider


def test_every_constraint_and_index_has_a_name():
    for table in Base.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints)
        assert all(index.name for index in table.indexes)


def test_every_moment_has_a_time_zone():
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            assert not isinstance(column.type, DateTime) or column.type.timezone, column


def test_ids_are_made_in_the_order_of_time(db, make):
    first, second = make.provider("a"), make.provider("b")

    assert isinstance(first.id, UUID)
    assert first.id.version == 7
    assert first.id.int >> 80 <= second.id.int >> 80


def test_the_package_names_every_table():
    tables = {mapper.class_ for mapper in Base.registry.mappers}

    assert tables == {getattr(models, name) for name in models.__all__} - {Base}
    assert Provider in tables
