"""Organizations: opening, renaming, suspending them."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.actions.audit import Actor, alter, record
from core.actions.changes import change, lock, lock_as_admin, subject_of
from core.actions.names import clean_name
from core.actions.versions import bump_wallet
from core.actions.wallets import open_wallet
from core.errors import Forbidden
from core.models import Member, Org, User, Wallet


def create_org(session: Session, admin: User, *, name: str, by: Actor) -> Org:
    """Open an organization with an empty wallet, run by this account.

    Raises BadRequest for an unusable name.
    """
    name = clean_name(name)
    wallet = open_wallet(session)
    session.flush()  # the rows below refer to one another
    org = Org(name=name, wallet_id=wallet.id)
    session.add(org)
    session.flush()
    session.add(Member(org_id=org.id, user_id=admin.id, role="org_admin"))
    record(
        session,
        "org.created",
        subject_of(org, org),
        by=by,
        after={"name": org.name, "admin_user_id": admin.id},
    )
    return org


def rename_org(session: Session, org: Org, name: str, *, by: Actor) -> None:
    lock_as_admin(session, org, by=by)
    change(session, org, org, {"name": clean_name(name)}, by=by, action="org.updated")


def suspend_org(session: Session, org: Org, *, now: datetime, by: Actor) -> None:
    """Refuse all its calls from now on. Only an operator may; its keys and settings stay as they are."""
    _set_suspended(session, org, now, by=by)


def resume_org(session: Session, org: Org, *, by: Actor) -> None:
    """Let a suspended organization call again."""
    _set_suspended(session, org, None, by=by)


def _set_suspended(session: Session, org: Org, at: datetime | None, *, by: Actor) -> None:
    if by.kind != "operator":
        raise Forbidden("Only an operator may suspend an organization, or let it call again.")
    lock(session, org)
    wallet = session.get_one(
        Wallet, org.wallet_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if (wallet.suspended_at is None) == (at is None):
        return
    action = "org.resumed" if at is None else "org.suspended"
    alter(session, wallet, {"suspended_at": at}, action=action, subject=subject_of(org, org), by=by)
    bump_wallet(session, org.wallet_id)
