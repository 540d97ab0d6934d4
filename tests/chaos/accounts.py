"""Who calls in the rig, with which money, and what there is to call; made by the actions of the product."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.actions.release import migrate
from core.config import Settings
from core.db import sync_engine
from core.models import ApiKey, User
from dev.ports import LOOPBACK
from tests.chaos.auditor import Price
from tests.conftest import Maker

# What they say is what they were told, four bytes a word: who counts bytes and who counts words agree.
BRIEF, SLOW, PLAIN = "chaos/brief", "chaos/slow", "chaos/plain"
TALKERS = {BRIEF: "tiny+echo+delay=0.01", SLOW: "tiny+echo+delay=0.05", PLAIN: "tiny+echo"}
# A call of this one costs, to the nano-dollar, what it holds: no input to pay, and all the output it may produce.
EXACT, EXACT_TOKENS, EXACT_N = "chaos/exact", 100, 110_000
PRICE_LIST = {
    **dict.fromkeys(TALKERS, Price(input_n=1_000_000_000, output_n=2_000_000_000)),
    EXACT: Price(input_n=0, output_n=1_000_000_000),
}


class Accounts:
    """The database as an operator fills it. `make` makes organizations and the like; keys come from here."""

    def __init__(self, url: str, environment: Mapping[str, str], *, today: date) -> None:
        self._engine = sync_engine(url, pool_size=2)
        migrate(self._engine, today=today)
        self._session = Session(self._engine, expire_on_commit=False)
        self.make = Maker(self._session, Settings.from_env(environment))

    def offer_models(self, simulator_port: int) -> None:
        self.make.provider("acme", base_url=f"http://{LOOPBACK}:{simulator_port}/v1")
        for model_id, upstream in TALKERS.items():
            self.make.offer(model_id, upstream_model=upstream, prices={"input": "1", "output": "2"})
        upstream = f"tiny+tokens={EXACT_TOKENS}+wait=0.2"
        self.make.offer(EXACT, upstream_model=upstream, prices={"input": "0", "output": "1"})

    def user(self, usd: str = "20") -> User:
        return self.make.user(credits_usd=usd)

    def key(self, user: User | None = None, **fields: Any) -> tuple[ApiKey, str]:
        """A key and its secret."""
        key = self.make.key(user, **fields)
        return key, self.make.secrets[key.id]

    def callers(self, count: int) -> list[str]:
        """Secrets of so many people, each with money enough for anything that happens here."""
        return [self.key(self.user())[1] for _ in range(count)]

    def close(self) -> None:
        self._session.close()
        self._engine.dispose()
