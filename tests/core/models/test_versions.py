"""Bumps wait in the order they were made."""

from uuid import uuid4

from sqlalchemy import select

from core.models import VersionBump


def test_bumps_are_told_apart_by_their_number_and_may_repeat(db):
    wallet_id, key_id = uuid4(), uuid4()
    for ver, of in ((2, None), (2, None), (3, key_id)):
        db.add(VersionBump(wallet_id=wallet_id, key_id=of, ver=ver))
        db.flush()

    waiting = list(db.scalars(select(VersionBump).order_by(VersionBump.id)))

    assert [(bump.key_id, bump.ver) for bump in waiting] == [(None, 2), (None, 2), (key_id, 3)]
    assert all(bump.at is not None for bump in waiting)
