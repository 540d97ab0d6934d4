"""Closing old pools: what is left of them comes back to their wallets, whether there is a Redis or not."""

import structlog
from sqlalchemy import Engine

from core.charging import generations, pools

PACE_S = 1.0
CLOSED_AT_ONCE = 100
_log = structlog.get_logger()


class Closer:
    def __init__(self, engine: Engine, *, longest_call_s: int) -> None:
        self._engine = engine
        self._longest_call_s = longest_call_s

    def round(self) -> float:
        """Close all that may be closed. Returns how long to wait. Raises what SQLAlchemy raises."""
        while self.close() >= CLOSED_AT_ONCE:
            pass
        return PACE_S

    def close(self) -> int:
        """Close old pools to which nothing can be posted any more. Returns of how many wallets."""
        with self._engine.connect() as connection:
            closable = generations.closable(
                connection, longest_call_s=self._longest_call_s, limit=CLOSED_AT_ONCE
            )
        for wallet_id, gens in closable:
            with self._engine.begin() as connection:
                pools.close(connection, wallet_id=wallet_id, gens=gens)
            _log.warning("pool_closed", wallet_id=str(wallet_id), gens=gens)
        return len(closable)
