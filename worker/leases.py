"""What the ledger process does for leases: sweep silent calls, keep pools valid, close old ones."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import Engine

from core.charging import generations, pools
from core.charging.generations import Life
from core.charging.pools import REDIS_VALID_MS, Granted, PoolAt
from core.counters import requests
from core.counters.client import Counters
from core.counters.keys import BUCKETS, wallet_keys
from core.counters.requests import Request

IDLE_S = 600  # a pool nobody used for so long is given back
DUE = 100
CLOSED_AT_ONCE = 100
ALL_N = 2**52
_log = structlog.get_logger()


class LeaseKeeper:
    """Each of these may be done at any time and by several at once."""

    def __init__(self, engine: Engine, counters: Counters, *, longest_call_s: int) -> None:
        self.swept = 0
        self._engine = engine
        self._counters = counters
        self._longest_call_s = longest_call_s
        self._due = [requests.due(bucket, limit=DUE) for bucket in range(BUCKETS)]

    def sweep(self) -> int:
        """Settle the calls nobody has heard of. Returns how many."""
        due = [
            (bucket, *member.decode().split("|"))
            for bucket, members in enumerate(self._counters.run_all(self._due))
            for member in members
        ]
        answers = self._counters.run_all(
            [requests.sweep(bucket, UUID(wallet), UUID(request_id)) for bucket, wallet, request_id in due]
        )
        swept = 0
        for (_, wallet, request_id), answer in zip(due, answers, strict=True):
            if answer[0] == b"OK":
                swept += 1
                _log.warning("call_swept", request_id=request_id, wallet_id=wallet, charge_n=int(answer[1]))
        self.swept += swept
        return swept

    def renew(self) -> None:
        """Keep pools in use valid: PostgreSQL first, then Redis. What lies idle comes back."""
        with self._engine.begin() as connection:
            life = generations.latest(connection)
            if life is None:  # no proxy has run yet
                return
            renewed = pools.renew(connection, gen=life.gen, idle_s=IDLE_S)
            idle = pools.idle(connection, gen=life.gen, idle_s=IDLE_S)
        self._hand_over(life, renewed, valid_ms=REDIS_VALID_MS)
        self._hand_over(life, idle, valid_ms=0)
        keys = [wallet_keys(pool.bucket, pool.wallet_id) for pool in idle]
        self._counters.run_all([requests.recall(one, gen=life.name, want_n=ALL_N) for one in keys])

    def _hand_over(self, life: Life, found: Sequence[PoolAt], *, valid_ms: int) -> None:
        """Make pools valid for so long, and give them the leases that were lost on their way to Redis."""
        answers = self._counters.run_all([_grant(life, pool, Granted(0, 0), valid_ms) for pool in found])
        for pool, answer in zip(found, answers, strict=True):
            if answer[0] != b"KEPT" or int(answer[1]) >= pool.seq:
                continue
            with self._engine.begin() as connection:
                lost = pools.leases_since(
                    connection, wallet_id=pool.wallet_id, gen=life.gen, seq=int(answer[1])
                )
            self._counters.run_all([_grant(life, pool, lease, valid_ms) for lease in lost])
            _log.warning("leases_handed_over", wallet_id=str(pool.wallet_id), leases=len(lost))

    def close_old(self) -> int:
        """Give back what is left of old pools to which nothing can be posted any more."""
        with self._engine.connect() as connection:
            closable = generations.closable(
                connection, longest_call_s=self._longest_call_s, limit=CLOSED_AT_ONCE
            )
        for wallet_id, gens in closable:
            with self._engine.begin() as connection:
                pools.close(connection, wallet_id=wallet_id, gens=gens)
            _log.warning("pool_closed", wallet_id=str(wallet_id), gens=gens)
        return len(closable)


def _grant(life: Life, pool: PoolAt, lease: Granted, valid_ms: int) -> Request:
    return requests.grant(
        wallet_keys(pool.bucket, pool.wallet_id),
        gen=life.name,
        seq=lease.seq,
        amount_n=lease.amount_n,
        valid_ms=valid_ms,
    )
