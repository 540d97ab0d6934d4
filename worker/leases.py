"""What the ledger process does for leases: sweep silent calls, keep pools valid."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Engine

from core.charging import generations, pools
from core.charging.pools import REDIS_VALID_MS
from core.counters import requests
from core.counters.keys import BUCKETS, wallet_keys
from core.counters.requests import Request

IDLE_S = 600  # a pool nobody used for so long is given back
DUE = 100
ALL_N = 2**52
_log = structlog.get_logger()
Run = Callable[[Request], Any]


def runner(redis: Any) -> Run:
    """Runs requests on a connection of redis-py, by the script's digest where the server knows it."""
    scripts: dict[str, Any] = {}

    def run(request: Request) -> Any:
        script = scripts.get(request.script.name)
        if script is None:
            script = scripts[request.script.name] = redis.register_script(request.script.source)
        return script(keys=list(request.keys), args=list(request.args))

    return run


class LeaseKeeper:
    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine = engine
        self._run = run

    def sweep(self) -> int:
        """Settle the calls nobody has heard of. Returns how many."""
        swept = 0
        for bucket in range(BUCKETS):
            for member in self._run(requests.due(bucket, limit=DUE)):
                wallet, _, request_id = member.decode().partition("|")
                answer = self._run(requests.sweep(bucket, UUID(wallet), UUID(request_id)))
                if answer[0] == b"OK":
                    swept += 1
                    _log.warning(
                        "call_swept", request_id=request_id, wallet_id=wallet, charge_n=int(answer[1])
                    )
        return swept

    def renew(self) -> None:
        """Keep pools in use valid: PostgreSQL first, then Redis. What lies idle comes back."""
        with self._engine.begin() as connection:
            life = generations.latest(connection)
            if life is None:  # no proxy has run yet
                return
            renewed = pools.renew(connection, gen=life.gen, idle_s=IDLE_S)
            idle = pools.idle(connection, gen=life.gen, idle_s=IDLE_S)
        for pool in renewed:
            keys = wallet_keys(pool.bucket, pool.wallet_id)
            self._run(requests.grant(keys, gen=life.name, seq=0, amount_n=0, valid_ms=REDIS_VALID_MS))
        for pool in idle:
            self._run(requests.recall(wallet_keys(pool.bucket, pool.wallet_id), gen=life.name, want_n=ALL_N))
