"""Version bumps whose sender could not reach Redis: sent again until it has them."""

from sqlalchemy import Engine, delete, select

from core.counters import requests
from core.counters.client import Counters
from core.models import VersionBump, Wallet

BATCH = 500


def resend(engine: Engine, counters: Counters) -> int:
    """Tell Redis of every version it may not know. Returns how many."""
    rows = (
        select(VersionBump, Wallet.bucket)
        .join(Wallet, Wallet.id == VersionBump.wallet_id)
        .order_by(VersionBump.id)
        .limit(BATCH)
    )
    with engine.connect() as connection:
        waiting = connection.execute(rows).all()
    if not waiting:
        return 0
    counters.run_all(
        [requests.bump(row.bucket, row.wallet_id, key_id=row.key_id, ver=row.ver) for row in waiting]
    )
    with engine.begin() as connection:
        connection.execute(delete(VersionBump).where(VersionBump.id.in_([row.id for row in waiting])))
    return len(waiting)
