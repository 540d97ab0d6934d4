"""The portal under test: the real application on a database of the test's own, driven by its test client."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from app import build_app
from core.charging import calls as charging
from core.charging.calls import Call, Ending
from core.charging.holds import admit
from core.charging.settlement import settle
from core.config import Settings
from core.ids import uuid7
from core.jobs import deliver_after_commit
from core.models import ApiKey, Offer, User, Wallet
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import Cost, Usage
from core.rules.scopes import Subject

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
HTMX = {"HX-Request": "true"}


class Browser:
    """A test client that, like a browser, sends back the token of the last form it was shown."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **kwargs) -> TestResponse:
        return self.client.get(path, **kwargs)

    def post(self, path: str, data: dict | None = None, *, form: str = "/sign-in", **kwargs) -> TestResponse:
        page = self.client.get(form, follow_redirects=True)
        token = TOKEN.search(page.text)
        assert token, f"{form} has no form"
        return self.client.post(path, data={"csrf_token": token[1], **(data or {})}, **kwargs)

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/sign-in", {"email": email, "password": password})


@pytest.fixture
def app(settings: Settings, sessions: sessionmaker[Session]) -> Flask:
    redis = Redis.from_url(settings.redis_url)
    redis.flushdb()  # brakes count what earlier tests did
    deliver_after_commit(sessions, redis)
    redis.close()
    app = build_app(settings, sessions=sessions)
    app.testing = True
    return app


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app.test_client())


@pytest.fixture
def visitor(app: Flask) -> Callable[[], Browser]:
    """Another browser each time."""
    return lambda: Browser(app.test_client())


@pytest.fixture
def person(make, browser: Browser) -> User:
    """Somebody with ten dollars, signed in in `browser`."""
    user = make.user(credits_usd="10")
    browser.sign_in(user.email)
    return user


class Caller:
    """Has calls happen: admitted and settled as the relay does it, without a relay."""

    def __init__(self, engine: Engine, make) -> None:
        self.engine, self.make = engine, make
        self.offers: dict[str, Offer] = {}

    def __call__(self, key: ApiKey, *, model: str = "acme/tiny", charge_n: int = 123_450, **ending) -> UUID:
        call = self._call(key, model, charge_n)
        usage = Usage(**ending.pop("usage", {"input_tokens": 1200, "output_tokens": 34}))
        cost = Cost(upstream_n=Nanos(charge_n * 10 // 11), charge_n=Nanos(charge_n))
        facts = {"provider": "acme", "status": 200, "reason": "done", "duration_ms": 412, **ending}
        with self.engine.begin() as connection:
            admit(connection, call, boot_id=uuid7(), hold_s=30)
            settle(connection, call, Ending(usage=usage, cost=cost, **facts))
        return call.request_id

    def _call(self, key: ApiKey, model: str, charge_n: int) -> Call:
        if not self.offers:
            self.make.provider("acme")
        if model not in self.offers:
            self.offers[model] = self.make.offer(model)
        with Session(self.engine) as session:
            wallet, key = session.get_one(Wallet, key.wallet_id), session.get_one(ApiKey, key.id)
            caller = charging.Caller(
                key_id=key.id,
                key_ver=key.ver,
                wallet_id=wallet.id,
                wallet_ver=wallet.ver,
                bucket=wallet.bucket,
                user_id=key.user_id,
                subjects=(Subject("key", key.id, key.spend_limit_n, key.spend_limit_period),),
            )
            return Call(
                request_id=uuid7(),
                caller=caller,
                model_id=model,
                price_card_id=str(self.offers[model].price_card_id),
                stream=False,
                app_name="",
                app_url="",
                want=Want(Nanos(charge_n), Nanos(charge_n), Nanos(charge_n)),
                started_at=datetime.now(UTC),
            )


@pytest.fixture
def call(engine: Engine, make) -> Caller:
    return Caller(engine, make)
