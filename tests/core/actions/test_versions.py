"""Versions are counted by the database, so that no change hides behind another."""

from sqlalchemy import text

from core.actions.versions import bump_key, bump_wallet
from core.models import ApiKey


def test_a_bumped_wallet_is_one_version_on_and_no_other_is(db, make):
    one, other = make.user(), make.user()

    bump_wallet(db, one.wallet_id)
    db.commit()

    versions = dict(db.execute(text("SELECT id, ver FROM wallets")).all())
    assert versions == {one.wallet_id: 2, other.wallet_id: 1}


def test_two_bumps_of_a_key_at_once_are_two_versions(db, make, sessions):
    key = make.key()
    with sessions() as session:
        same = session.get(ApiKey, key.id)
        bump_key(db, key)
        db.commit()
        bump_key(session, same)
        session.commit()

    assert db.scalar(text("SELECT ver FROM api_keys")) == 3
