"""The demo: an account with keys and a month of usage, its organization, an operator, and the simulator in
place of every provider that has no key.

Planted once; what depends on the start (ports, provider keys) is brought up to date each time.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.actions.keys import create_key
from core.actions.offers import stand_in
from core.actions.providers import put_provider, set_key
from core.actions.users import sign_up, verify
from core.actions.wallets import grant_credits
from core.config import Settings
from core.db import session_factory, sync_engine, transaction
from core.models import Provider, User
from core.money import parse_usd
from dev.demo_org import plant_org
from dev.demo_usage import plant_usage, start_of_month
from dev.files import read_json

ROOT = Path(__file__).resolve().parent.parent
SIMULATOR = "simulator"
EMAIL, OPERATOR_EMAIL = "demo@bazaarlink.test", "operator@bazaarlink.test"
KEYS = ("Production", "Development", "CI")
CREDITS_USD = "200"


def seed(environ: Mapping[str, str], state: Path) -> dict[str, Any]:
    """Plant what is missing. Returns logins and keys, which are known to nobody else."""
    settings = Settings.from_env(environ)
    engine = sync_engine(settings.database_url)
    known: dict[str, Any] = read_json(state / "demo.json")
    secrets: dict[str, str] = read_json(state / "env.json")
    try:
        with transaction(session_factory(engine)) as session:
            connect_providers(session, settings, environ)
            user = session.scalar(select(User).where(User.email == EMAIL))
            if user is None or "api_key" not in known:
                user, known = plant(session, settings, secrets)
            known |= plant_org(session, user, pepper=settings.key_pepper, now=datetime.now(UTC))
    finally:
        engine.dispose()
    return known


def connect_providers(session: Session, settings: Settings, environ: Mapping[str, str]) -> None:
    """Give providers the keys the environment holds, and the simulator the models of all others."""
    catalog = json.loads((ROOT / "catalog" / "models.json").read_text())
    for row in catalog["providers"]:
        if api_key := environ.get(row["key_env"]):
            provider = session.scalars(select(Provider).where(Provider.name == row["name"])).one()
            set_key(session, provider, api_key, secret=settings.provider_secret)
    simulator = put_provider(
        session,
        name=SIMULATOR,
        title="Simulator",
        kind="openai",
        base_url=environ["SIMULATOR_URL"] + "/v1",
        api_key="simulated",
        secret=settings.provider_secret,
        allow_private=True,
    )
    session.flush()  # the stand-in reads what was just written
    stand_in(session, simulator)


def plant(session: Session, settings: Settings, secrets: Mapping[str, str]) -> tuple[User, dict[str, Any]]:
    """Make the accounts, the keys and the month behind them."""
    now = datetime.now(UTC)
    password, operator_password = secrets["DEMO_PASSWORD"], secrets["DEMO_OPERATOR_PASSWORD"]
    user = sign_up(session, email=EMAIL, password=password)
    operator = sign_up(session, email=OPERATOR_EMAIL, password=operator_password, operator=True)
    for account in (user, operator):
        verify(account, now=now)
    grant = grant_credits(session, user.wallet_id, parse_usd(CREDITS_USD), note="Welcome credits", ref="demo")
    grant.at = start_of_month(now)
    made = [create_key(session, user, name=name, pepper=settings.key_pepper, now=now) for name in KEYS]
    _management, management_secret = create_key(
        session, user, name="Automation", key_type="management", pepper=settings.key_pepper, now=now
    )
    plant_usage(session, [key for key, _secret in made], fee_bps=settings.fee_bps, now=now)
    return user, {
        "email": EMAIL,
        "password": password,
        "operator_email": OPERATOR_EMAIL,
        "operator_password": operator_password,
        "api_key": made[0][1],
        "management_key": management_secret,
        "edu_key": None,  # institution keys do not exist yet; scripts may rely on the name
    }
