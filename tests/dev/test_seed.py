"""Planting the demo: once, with the simulator in place of every provider that has no key."""

import json
from uuid import UUID

import pytest
from sqlalchemy import func, select

from core.actions.catalog import load_catalog
from core.models import Offer, Provider, User
from core.queries.orgs import org_of
from dev.seed import EMAIL, ROOT, SIMULATOR, seed


@pytest.fixture
def catalog(db):
    load_catalog(db, json.loads((ROOT / "catalog" / "models.json").read_text()))
    db.commit()


@pytest.fixture
def environ(settings):
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "KEY_PEPPER": settings.key_pepper.hex(),
        "PROVIDER_SECRET": settings.provider_secret.hex(),
        "SIMULATOR_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
def state(tmp_path):
    passwords = {"DEMO_PASSWORD": "a demo password", "DEMO_OPERATOR_PASSWORD": "an operator's password"}
    (tmp_path / "env.json").write_text(json.dumps(passwords))
    return tmp_path


def offers_of(db, name):
    statement = select(func.count()).select_from(Offer).join(Provider, Provider.id == Offer.provider_id)
    return db.scalar(statement.where(Provider.name == name, Offer.enabled))


def test_the_demo_has_logins_and_keys(db, catalog, environ, state):
    demo = seed(environ, state)

    assert demo["email"] == EMAIL
    assert demo["api_key"].startswith("sk-bl-")
    assert demo["management_key"] != demo["api_key"]
    user = db.scalars(select(User).where(User.email == EMAIL)).one()
    assert user.verified_at is not None
    assert db.scalars(select(User).where(User.email == demo["operator_email"])).one().is_operator
    assert db.execute(org_of(user.id, UUID(demo["org_id"]))).one_or_none() is not None
    assert demo["org_api_key"].startswith("sk-bl-")


def test_a_second_start_plants_nothing_and_knows_the_same(db, catalog, environ, state):
    demo = seed(environ, state)
    (state / "demo.json").write_text(json.dumps(demo))

    assert seed(environ, state) == demo
    assert db.scalar(select(func.count()).select_from(User)) == 4


def test_the_simulator_follows_its_port(db, catalog, environ, state):
    seed(environ, state)

    connect({**environ, "SIMULATOR_URL": "http://127.0.0.1:10"}, state)

    assert (
        db.scalars(select(Provider.base_url).where(Provider.name == SIMULATOR)).one()
        == "http://127.0.0.1:10/v1"
    )


def connect(environ, state):
    (state / "demo.json").write_text(json.dumps({"api_key": "known"}))
    seed(environ, state)


def test_a_provider_with_a_key_serves_its_models_itself(db, catalog, environ, state):
    seed(environ, state)
    before = offers_of(db, SIMULATOR)

    connect({**environ, "OPENAI_API_KEY": "sk-of-the-operator"}, state)

    own = db.scalars(select(Provider).where(Provider.name == "openai")).one()
    assert own.sealed_key is not None
    db.rollback()
    assert 0 < offers_of(db, SIMULATOR) < before
