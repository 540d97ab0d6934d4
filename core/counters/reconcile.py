"""Proving that Redis and PostgreSQL say the same of every wallet, while calls go on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from core.charging import generations
from core.charging.accounts import Accounts, Asked, accounts_of, open_pools
from core.charging.generations import Life
from core.charging.proof import Difference
from core.counters.client import Counters
from core.counters.keys import wallet_keys
from core.counters.proof import days_of, proved_against, proved_alone
from core.counters.requests import Request
from core.counters.views import View, look, seen
from core.rules.periods import DAY_MS

AT_ONCE = 100  # wallets that are held against PostgreSQL together
FEW = 10
TRIES = 20  # to find a wallet that differs at rest: only then it counts
EVER, ALL = 0, 2**31


@dataclass(slots=True)
class Reconciled:
    """What came of it, in wallets. Those in motion could not be held against PostgreSQL this time."""

    differences: list[Difference] = field(default_factory=list)
    proved: int = 0
    in_motion: int = 0
    unknown: int = 0  # Redis has another generation, or none: it began anew


class Reconciler:
    """Looks at wallets in Redis, then in PostgreSQL; where they differ, again and at one wallet alone."""

    def __init__(self, engine: Engine, counters: Counters) -> None:
        self._engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )  # all statements see one moment
        self._counters = counters

    def prove(self, *, within_s: int = EVER, limit: int = ALL, also: Collection[UUID] = ()) -> Reconciled:
        """Prove the pools that were used within so many seconds, and those of some wallets in any case.

        Raises what SQLAlchemy and redis-py raise.
        """
        done = Reconciled()
        with self._engine.connect() as connection:
            life = generations.latest(connection)
            if life is None:
                return done
            pools = open_pools(connection, gen=life.gen, within_s=within_s, limit=limit, also=also)
        for first in range(0, len(pools), AT_ONCE):
            self._prove(dict(pools[first : first + AT_ONCE]), life, done)
        return done

    def _prove(self, buckets: Mapping[UUID, int], life: Life, done: Reconciled) -> None:
        views = self._views(buckets, life)
        accounts = self._accounts(views, life)
        done.unknown += len(buckets) - len(views)
        for wallet_id, view in views.items():
            done.differences += proved_alone(view)
            found: list[Difference] | None = list(proved_against(view, accounts, gen=life.name))
            if found:
                found = self._proved_at_rest(wallet_id, buckets[wallet_id], life)
            if found is None or view.is_behind or view.is_crowded:
                done.in_motion += 1
            else:
                done.proved += 1
            done.differences += found or ()

    def _proved_at_rest(self, wallet_id: UUID, bucket: int, life: Life) -> list[Difference] | None:
        """Where a wallet differs that did not move meanwhile. None: it never stood still, or is gone."""
        where = {wallet_id: bucket}
        for _ in range(TRIES):
            views = self._views(where, life)
            accounts = self._accounts(views, life)
            again = self._views(where, life)
            if not views or not again:
                return None
            view = views[wallet_id]
            if view.is_still and view.resembles(again[wallet_id]):
                return list(proved_against(view, accounts, gen=life.name))
        return None

    def _views(self, buckets: Mapping[UUID, int], life: Life) -> dict[UUID, View]:
        """What Redis says of wallets; those it knows of another generation are left out."""
        views: dict[UUID, View] = {}
        cursors = dict.fromkeys(buckets, b"0")
        while cursors:
            requests = [
                look(wallet_keys(buckets[wallet_id], wallet_id), gen=life.name, cursor=cursor)
                for wallet_id, cursor in cursors.items()
            ]
            steps = zip(cursors, self._ask(requests), strict=True)
            cursors = {}
            for wallet_id, reply in steps:
                step = seen(wallet_id, reply)
                if step is None:
                    views.pop(wallet_id, None)
                    continue
                view, cursor = step
                views.setdefault(wallet_id, view).goes_on(view)
                if cursor != b"0":
                    cursors[wallet_id] = cursor
        return views

    def _ask(self, requests: Sequence[Request]) -> list[Any]:
        """Few at a time: a server does what one client sent together before it turns to another."""
        answers: list[Any] = []
        for first in range(0, len(requests), FEW):
            answers += self._counters.run_all(requests[first : first + FEW])
        return answers

    def _accounts(self, views: Mapping[UUID, View], life: Life) -> Accounts:
        """What PostgreSQL says of the same."""
        names = (name for view in views.values() for name in (*view.spent, *view.bases))
        places = [place for place in map(days_of, names) if place is not None]
        now_ms = max((view.ms for view in views.values()), default=0)
        oldest = min([now_ms // DAY_MS - 1, *(days.start for _, days in places)])
        asked = Asked(
            seqs={wallet_id: view.purse.seq for wallet_id, view in views.items()},
            request_ids={event.request_id for view in views.values() for event in view.settlements},
            subjects={UUID(name[2:]) for name, _ in places},
            since=datetime.fromtimestamp(oldest * DAY_MS / 1000, UTC),
        )
        with self._engine.connect() as connection:
            return accounts_of(connection, asked, gen=life.gen)
