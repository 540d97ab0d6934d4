"""What tests stand on: one PostgreSQL and one Valkey per test process, a database of its own for each test.

A database is a clone of a migrated template, so nothing leaks from test to test and everything may commit.
After each test the books are proved.
"""

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import structlog
from argon2 import PasswordHasher
from sqlalchemy import Engine, NullPool, create_engine, event, select, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

import core.secrets as passwords
from core.actions.audit import OPERATOR
from core.actions.keys import create_key
from core.actions.members import add_member
from core.actions.offers import add_offer
from core.actions.orgs import create_org
from core.actions.providers import add_provider
from core.actions.release import migrate
from core.actions.teams import create_team
from core.actions.users import sign_up
from core.actions.versions import enforce_after_commit
from core.actions.wallets import grant_credits
from core.charging.proof import differences
from core.config import Settings
from core.counters.client import Counters
from core.db import driver_url, session_factory, sync_engine
from core.models import ApiKey, Member, Offer, Org, Provider, Team, User
from core.money import parse_usd
from dev.postgres import temporary_postgres
from dev.valkey import temporary_valkey
from tests.scheduling import Together, first_things_first

TEMPLATE = "bazaar_template"
COSTLY_HASHER = passwords._HASHER
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-full", action="store_true", help="all of the scenarios of tests/chaos")
    parser.addoption("--chaos-seed", help="repeat what tests/chaos did under this seed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed once, before the workers of a parallel run are given their options."""
    config.option.chaos_seed = config.option.chaos_seed or secrets.token_hex(4)
    # An example that took a fifth of a second would be a failure: a machine may stand still for so long.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = first_things_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos: seed {config.option.chaos_seed}" + (", in full" if config.option.chaos_full else "")


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same argon2id at the least cost: at its real one, making users is half of the time of all tests."""
    monkeypatch.setattr(passwords, "_HASHER", CHEAP_HASHER)
    passwords._nobody.cache_clear()


@pytest.fixture
def costly_passwords(cheap_passwords: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords at their real cost, for tests that measure it."""
    monkeypatch.setattr(passwords, "_HASHER", COSTLY_HASHER)
    passwords._nobody.cache_clear()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[URL]:
    """A server of our own, on fast and forgetful settings; or the one TEST_POSTGRES_URL names."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield driver_url(given)
        return
    with temporary_postgres() as server:
        yield driver_url(server.url)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with temporary_valkey() as server:
        yield server.url


@pytest.fixture(scope="session")
def template(postgres_url: URL) -> Iterator[Callable[[], AbstractContextManager[URL]]]:
    """Makes databases: each a clone of one that was migrated once."""
    suffix = secrets.token_hex(4)
    name = f"{TEMPLATE}_{suffix}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(postgres_url.set(database=name))
    migrate(engine, today=datetime.now(UTC).date())
    engine.dispose()
    numbers = count()

    @contextmanager
    def clone() -> Iterator[URL]:
        database = f"t_{suffix}_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {database} TEMPLATE {name} STRATEGY file_copy"))
        yield postgres_url.set(database=database)
        # At once: a server with a thousand databases is a slow one.
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))

    yield clone
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def following_its_url(engine: Engine) -> Engine:
    """The engine, with its `url` free to be changed while it has no connection.

    One that goes from database to database keeps what it has compiled: half of the work of a test.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        kwargs["dbname"] = engine.url.database

    return engine


@pytest.fixture(scope="session")
def prover(postgres_url: URL) -> Engine:
    return following_its_url(
        create_engine(postgres_url, isolation_level="REPEATABLE READ", poolclass=NullPool)
    )


@pytest.fixture
def database_url(template: Callable[[], AbstractContextManager[URL]], prover: Engine) -> Iterator[str]:
    """A database of this test's own. When the test is over, its books are proved."""
    with template() as url:
        yield url.render_as_string(hide_password=False)
        prover.url = url
        with prover.connect() as connection:
            wrong = differences(connection)
    assert wrong == []


@pytest.fixture(scope="session")
def lasting_engine(postgres_url: URL) -> Engine:
    """What the product has, but for its patience: a test may be about something else for as long as it likes."""
    url = postgres_url.render_as_string(hide_password=False)
    return following_its_url(sync_engine(url, idle_timeout_s=0))


@pytest.fixture
def engine(lasting_engine: Engine, database_url: str) -> Iterator[Engine]:
    lasting_engine.url = driver_url(database_url)
    yield lasting_engine
    lasting_engine.dispose()


@pytest.fixture
def sessions(engine: Engine, redis_url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions whose changes are in force once they are committed, as in the product."""
    factory = session_factory(engine)
    counters = Counters(redis_url)
    enforce_after_commit(factory, counters)
    yield factory
    counters.close()


@pytest.fixture
def db(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session of the test's own: what it adds is seen by others once it commits."""
    with sessions() as session:
        yield session


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings with this test's services and short deadlines; `replace()` them for others."""
    made = Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "of no importance",
            "KEY_PEPPER": "5a" * 32,
            "PROVIDER_SECRET": "a5" * 32,
            "HOLD_S": "5",
            "SPOOL_DIR": str(tmp_path / "spool"),
            "RPM_FREE": "1000",
            "RPM_PAID": "100000",
        }
    )
    return replace(made, proxy_port=0)


@dataclass
class Maker:
    """Makes the rows a test needs, through the same actions as the product, and commits them."""

    db: Session
    settings: Settings
    count: int = 0
    secrets: dict[UUID, str] = field(default_factory=dict)

    def user(self, *, credits_usd: str | None = None, email: str | None = None, **fields: Any) -> User:
        self.count += 1
        user = sign_up(
            self.db,
            email=email or f"person{self.count}@example.com",
            password=fields.pop("password", "correct horse battery"),
            **fields,
        )
        self.db.commit()
        if credits_usd is not None:
            self.credits(user, credits_usd)
        return user

    def credits(self, to: User | Org, usd: str) -> None:
        self.count += 1
        grant_credits(self.db, to.wallet_id, parse_usd(usd), note="for the test", ref=f"test-{self.count}")
        self.db.commit()

    def org(self, admin: User | None = None, *, name: str = "Acme", credits_usd: str | None = None) -> Org:
        """An organization; `admin`, or a new account, runs it."""
        org = create_org(self.db, admin or self.user(), name=name, by=OPERATOR)
        self.db.commit()
        if credits_usd is not None:
            self.credits(org, credits_usd)
        return org

    def team(self, org: Org | None = None, **fields: Any) -> Team:
        self.count += 1
        name = fields.pop("name", f"team {self.count}")
        team = create_team(self.db, org or self.org(), name=name, by=OPERATOR, **fields)
        self.db.commit()
        return team

    def member(
        self,
        org: Org | None = None,
        user: User | None = None,
        *,
        team: Team | None = None,
        role: str = "member",
        **fields: Any,
    ) -> Member:
        """A member: of the team's organization where a team is given."""
        if org is None:
            org = self.org() if team is None else self.db.get_one(Org, team.org_id)
        member = add_member(
            self.db,
            org,
            email=(user or self.user()).email,
            role=role,
            team_id=None if team is None else team.id,
            by=OPERATOR,
            **fields,
        )
        self.db.commit()
        return member

    def key(
        self,
        user: User | None = None,
        *,
        org: Org | None = None,
        team: Team | None = None,
        member: Member | None = None,
        **fields: Any,
    ) -> ApiKey:
        """A key of an account, an organization, a team or a member; its secret is in `secrets` by its id."""
        of = org or team or member
        key, secret = create_key(
            self.db,
            user or self.owner(of),
            of=of,
            name=fields.pop("name", "test key"),
            pepper=self.settings.key_pepper,
            now=datetime.now(UTC),
            **fields,
        )
        self.db.commit()
        self.secrets[key.id] = secret
        return key

    def owner(self, of: Org | Team | Member | None) -> User:
        """Who a key of this can belong to: the member, or the organization's first one."""
        if of is None:
            return self.user()
        if isinstance(of, Member):
            return self.db.get_one(User, of.user_id)
        org_id = of.id if isinstance(of, Org) else of.org_id
        return self.db.scalars(
            select(User).join(Member).where(Member.org_id == org_id).order_by(Member.id).limit(1)
        ).one()

    def provider(
        self, name: str = "acme", *, base_url: str = "http://127.0.0.1:9/v1", **fields: Any
    ) -> Provider:
        provider = add_provider(
            self.db,
            name=name,
            kind=fields.pop("kind", "openai"),
            base_url=base_url,
            api_key=fields.pop("api_key", "upstream-secret"),
            secret=self.settings.provider_secret,
            allow_private=True,
            **fields,
        )
        self.db.commit()
        return provider

    def offer(
        self,
        model_id: str = "acme/tiny",
        *,
        provider: str = "acme",
        upstream_model: str = "tiny",
        **fields: Any,
    ) -> Offer:
        prices = {"input": "0.15", "output": "0.60", **fields.pop("prices", {})}
        offer = add_offer(
            self.db,
            model_id=model_id,
            provider_name=provider,
            upstream_model=upstream_model,
            prices={name: str(Decimal(price)) for name, price in prices.items()},
            context=fields.pop("context", 8192),
            today=datetime.now(UTC).date(),
            **fields,
        )
        self.db.commit()
        return offer


@pytest.fixture
def make(db: Session, settings: Settings) -> Maker:
    return Maker(db, settings)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """For tests that configure logs: this process logs as it did before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
