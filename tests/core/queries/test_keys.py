"""Keys are found within their wallet, or by the digest of their secret."""

from datetime import UTC, datetime

from core.actions.keys import delete_key
from core.ids import digest_key
from core.queries.keys import grant_by_digest, key_of, keys_of, names_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_key_of_another_wallet_is_not_found(db, make):
    mine, theirs = make.key(), make.key()

    assert db.scalar(key_of(mine.wallet_id, mine.id)) is mine
    assert db.scalar(key_of(mine.wallet_id, theirs.id)) is None
    assert list(db.scalars(keys_of(mine.wallet_id))) == [mine]
    assert db.execute(names_of(mine.wallet_id, [mine.id, theirs.id])).all() == [(mine.id, "test key")]


def test_keys_are_listed_newest_first_without_the_deleted_ones(db, make):
    user = make.user()
    first, second, third = (make.key(user, name=name) for name in ("a", "b", "c"))
    delete_key(second, now=NOW)
    db.commit()

    assert set(db.scalars(keys_of(user.wallet_id))) == {third, first}
    assert db.scalar(key_of(user.wallet_id, second.id)) is None
    assert {name for _, name in db.execute(names_of(user.wallet_id, [first.id, second.id]))} == {"a", "b"}


def test_a_digest_leads_to_all_that_decides(db, make):
    user = make.user()
    key = make.key(user, expires_at=datetime(2099, 1, 1, tzinfo=UTC))

    grant = db.execute(grant_by_digest(key.digest)).one()

    assert (grant.key_id, grant.wallet_id, grant.user_id) == (key.id, user.wallet_id, user.id)
    assert (grant.key_type, grant.enabled, grant.expires_at) == ("standard", True, key.expires_at)
    assert (grant.key_ver, grant.wallet_ver) == (1, 1)
    assert (grant.wallet_suspended_at, grant.user_suspended_at) == (None, None)


def test_a_deleted_key_and_a_wrong_digest_lead_nowhere(db, make, settings):
    key = make.key()
    secret = make.secrets[key.id]
    for digest in (digest_key(secret + "x", settings.key_pepper), digest_key(secret, b"x" * 32), b""):
        assert db.execute(grant_by_digest(digest)).one_or_none() is None

    delete_key(key, now=NOW)
    db.commit()

    assert db.execute(grant_by_digest(key.digest)).one_or_none() is None
