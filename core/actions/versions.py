"""Versions: what a running process remembers of a key or a wallet holds while its version stays the same.

Every change of what decides about calls comes through here. It is noted in the same transaction, told to
Redis once that has committed, and only then in force: from there on no call is admitted by what was before.
The ledger process tells it again, which changes nothing if Redis has answered, and removes the note: here
the session still has its connection, and there may be no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from sqlalchemy import event, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from core.commits import after_commit, note
from core.counters import requests
from core.counters.client import Counters
from core.errors import Unavailable
from core.models import ApiKey, VersionBump, Wallet

KIND = "version_bumps"
UNTOLD = "untold_changes"
RAISED = "keys_whose_version_was_raised"
_log = structlog.get_logger()


class NotYetInForce(Unavailable):
    """The change is saved; running processes could not be told of it yet."""

    reason = "not_yet_in_force"

    def __init__(self) -> None:
        super().__init__(
            "Saved, but not yet in force: the counters do not answer. It will be as soon as they do; there "
            "is no need to repeat it.",
            retry_after_s=5,
        )


@dataclass(frozen=True, slots=True)
class Bump:
    """A version that grew. Of everything that draws on the wallet, where there is no key."""

    bucket: int
    wallet_id: UUID
    key_id: UUID | None
    ver: int


def bump_wallet(session: Session, wallet_id: UUID) -> None:
    """Have everything that draws on the wallet read again."""
    statement = update(Wallet).where(Wallet.id == wallet_id).values(ver=Wallet.ver + 1)
    row = session.execute(statement.returning(Wallet.ver, Wallet.bucket)).one()
    _note(session, row.bucket, wallet_id, None, row.ver)


def bump_key(session: Session, key: ApiKey) -> None:
    """Have this key read again.

    Its version is raised with the row's other changes, in one statement: a second one would lock its wallet.
    """
    key.ver = ApiKey.ver + 1
    session.add(key)
    if key not in session.info.setdefault(RAISED, []):
        session.info[RAISED].append(key)


def _note_keys(session: Session) -> None:
    """Note the keys whose version was raised, as they are about to be committed."""
    if session.in_nested_transaction():
        return
    for key in session.info.pop(RAISED, []):
        session.flush()
        bucket = session.scalars(select(Wallet.bucket).where(Wallet.id == key.wallet_id)).one()
        _note(session, bucket, key.wallet_id, key.id, key.ver)


def _note(session: Session, bucket: int, wallet_id: UUID, key_id: UUID | None, ver: int) -> None:
    session.execute(insert(VersionBump).values(wallet_id=wallet_id, key_id=key_id, ver=ver))
    note(session, KIND, Bump(bucket, wallet_id, key_id, ver))


def enforce_after_commit(factory: sessionmaker[Session], counters: Counters) -> None:
    """Make the sessions of this factory tell Redis of the versions they raised."""

    def tell(session: Session, bumps: Sequence[Bump]) -> None:
        try:
            for bump in bumps:
                counters.run(requests.bump(bump.bucket, bump.wallet_id, key_id=bump.key_id, ver=bump.ver))
        except (RedisError, OSError) as error:
            session.info[UNTOLD] = True
            _log.error("change_not_in_force", error=type(error).__name__)

    event.listen(factory, "before_commit", _note_keys)
    event.listen(factory, "after_rollback", lambda session: session.info.pop(RAISED, None))
    after_commit(factory, KIND, tell)


def check_in_force(session: Session) -> None:
    """Call after a commit. Raises NotYetInForce when what it changed could not be told."""
    if session.info.pop(UNTOLD, False):
        raise NotYetInForce
