"""What all tables share: the base class, column types, names of constraints."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, MetaData, SmallInteger, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, mapped_column

from core.ids import uuid7

uuid_pk = Annotated[UUID, mapped_column(Uuid, primary_key=True, default=uuid7)]
nanos = Annotated[int, mapped_column(BigInteger)]  # whole nano-dollars
count = Annotated[int, mapped_column(BigInteger)]
small = Annotated[int, mapped_column(SmallInteger)]

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text}  # noqa: RUF012  # SQLAlchemy's form
