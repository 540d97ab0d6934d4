"""Our relay as it is run: whole processes, real stores that keep what they are told, all enforcement on."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from uuid import UUID

from redis import Redis
from sqlalchemy import Engine

from bench.cores import Cores, on
from bench.install import ROOT
from bench.targets import RELAY, Target, running
from bench.wire import HUNG_MODEL, MODEL
from core.actions.keys import create_key
from core.actions.offers import add_offer
from core.actions.providers import add_provider
from core.actions.release import migrate
from core.actions.users import sign_up, verify
from core.actions.wallets import grant_credits
from core.charging.proof import prove
from core.config import Settings
from core.db import session_factory, sync_engine, transaction
from core.money import parse_usd
from core.queries.usage import totals
from dev.answers import answers_http
from dev.ports import LOOPBACK, free_port
from dev.postgres import temporary_postgres
from dev.programs import Layer, Program
from dev.valkey import temporary_valkey

NAME = "ours"
CREDITS_USD = "1000000"
SCRIPTS = ("eval", "evalsha", "fcall")


class Product:
    """A running product with one account, one key and a model of each of two providers: both the upstream."""

    def __init__(self, env: Mapping[str, str], *, upstream_port: int) -> None:
        self.settings = Settings.from_env(env)
        self.engine: Engine = sync_engine(self.settings.database_url, pool_size=1)
        self.since = datetime.now(UTC)
        migrate(self.engine, today=self.since.date())
        self.wallet_id, self.secret = self._plant(upstream_port)

    def _plant(self, upstream_port: int) -> tuple[UUID, str]:
        settings, now = self.settings, self.since
        with transaction(session_factory(self.engine)) as session:
            user = sign_up(session, email="bench@example.com", password=secrets.token_urlsafe(16))
            verify(user, now=now)
            grant_credits(session, user.wallet_id, parse_usd(CREDITS_USD), note="To be spent", ref="bench")
            for name, model in (("bench", MODEL), ("hung", HUNG_MODEL)):
                add_provider(
                    session, name=name, kind="openai", base_url=f"http://{LOOPBACK}:{upstream_port}/v1",
                    api_key="upstream", secret=settings.provider_secret, allow_private=True,
                )  # fmt: skip
                add_offer(
                    session, model_id=model, provider_name=name, upstream_model="bench-model",
                    prices={"input": "1", "output": "2"}, context=131_072, today=now.date(),
                )  # fmt: skip
            _key, secret = create_key(session, user, name="bench", pepper=settings.key_pepper, now=now)
            return user.wallet_id, secret

    def booked(self) -> int:
        """How many calls the books hold."""
        with self.engine.connect() as connection:
            return int(connection.execute(totals(self.wallet_id, self.since.date())).one().requests)

    def differences(self) -> list[str]:
        """What is wrong in the books; nothing, if all is well."""
        return [str(wrong) for wrong in prove(self.engine)]

    def scripts(self) -> int:
        return scripts_run(self.settings.redis_url)


@contextmanager
def ours(*, upstream_port: int, cores: Cores) -> Iterator[tuple[Target, Product]]:
    """Run everything for a block of code."""
    with ExitStack() as stack:
        with on(cores.stores):
            postgres = stack.enter_context(temporary_postgres(durable=True))
            valkey = stack.enter_context(temporary_valkey(durable=True))
        port = free_port()
        spool = stack.enter_context(TemporaryDirectory(prefix="bazaar-bench-"))
        env = environment(postgres.url, valkey.url, port, spool=spool)
        product = Product(env, upstream_port=upstream_port)
        stack.callback(product.engine.dispose)
        relay = stack.enter_context(running(program("proxy", env, port=port), cores.target))
        ledger = stack.enter_context(running(program("worker.ledger", env), cores.stores))
        assert postgres.pid
        assert valkey.pid
        target = Target(
            NAME,
            "this checkout",
            port,
            {"Authorization": f"Bearer {product.secret}"},
            {RELAY: relay, "ledger": ledger, "postgres": postgres.pid, "valkey": valkey.pid},
            product.booked,
            product.scripts,
        )
        yield target, product


def environment(database_url: str, redis_url: str, port: int, *, spool: str) -> dict[str, str]:
    """The settings: the defaults, as an installation has them, and secrets of this run.

    A limit that would refuse the load is raised here, and nowhere is one switched off.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PROXY_PORT": str(port),
        "SPOOL_DIR": spool,
        "RPM_FREE": "10000000",
        "RPM_PAID": "10000000",
        "CALLS_AT_ONCE": "1000",
        **{name: secrets.token_hex(32) for name in ("SECRET_KEY", "KEY_PEPPER", "PROVIDER_SECRET")},
    }


def program(module: str, env: Mapping[str, str], *, port: int | None = None) -> Program:
    return Program(
        module,
        [sys.executable, "-m", module],
        env,
        Layer.FRONT,
        cwd=ROOT,
        is_ready=None if port is None else lambda: answers_http(port, "/readyz"),
    )


def scripts_run(redis_url: str) -> int:
    """How many scripts a Valkey was asked to run, each of them one round trip."""
    with Redis.from_url(redis_url) as redis:
        stats = redis.info("commandstats")
    return sum(int(stats[f"cmdstat_{name}"]["calls"]) for name in SCRIPTS if f"cmdstat_{name}" in stats)
