"""Nobody spends what is not there: parallel calls over two relays, and keys that change under them."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from core.actions.audit import OPERATOR
from core.actions.keys import delete_key, set_enabled, set_spend_limit
from core.actions.users import suspend_user
from core.actions.versions import bump_wallet
from core.ids import EDUCATION_PREFIX, new_key
from proxy import grants
from proxy.catalog import REFRESH_S
from tests.proxy.conftest import ask, until

CALL = {"max_tokens": 16, "model": "acme/waits", "text": "Hi"}
COST_N = 11_000_000  # 16 tokens at USD 625 per 1M, and the fee


@pytest.fixture
async def two_relays(start_relay, tiny, make, simulator):
    make.offer("acme/waits", upstream_model="tiny+wait=0.3+tokens=16", prices={"input": "0", "output": "625"})
    return [await start_relay(), await start_relay()]


async def status_of(relay, secret, **fields):
    async with relay.post(secret, ask(**{**CALL, **fields})) as response:
        await response.read()
        return response.status, response.headers.get("Retry-After")


@pytest.mark.parametrize("short", ["balance", "key limit"])
async def test_two_hundred_parallel_calls_spend_what_there_is_and_no_more(
    two_relays, make, simulator, books, short
):
    user = make.user(credits_usd="0.115" if short == "balance" else "10")  # ten calls and a half
    key = make.key(user, spend_limit_n=None if short == "balance" else 115_000_000)
    secret = make.secrets[key.id]

    answers = await asyncio.gather(
        *(status_of(two_relays[i % 2], secret, stream=i % 3 == 0) for i in range(200))
    )

    statuses = [status for status, _ in answers]
    assert statuses.count(200) == 10
    assert statuses.count(402) == 190
    assert len(simulator.truth.records()) == 10
    assert sorted(books.charges()) == [COST_N] * 10
    wallet = books.wallet(user)
    assert wallet.balance_n == (115_000_000 if short == "balance" else 10_000_000_000) - 10 * COST_N
    assert books.holds() == []
    assert books.pool(user)["held"] == 0
    if short == "key limit":
        assert {after is not None for status, after in answers if status == 402} == {True}
    rows = await until(lambda: len(found := books.events()) == 200 and found)
    assert sum(row.status == 402 for row in rows) == 190


async def test_calls_that_start_together_read_postgresql_once(start_relay, tiny, caller):
    relay = await start_relay()
    statements = []
    event.listen(
        relay.deps.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    await relay.deps.grants.find(caller.secret)
    statements.clear()

    answers = await asyncio.gather(*(status_of(relay, caller.secret, model="acme/tiny") for _ in range(40)))

    assert {status for status, _ in answers} == {200}
    await until(lambda: not relay.deps.leases.lender._asking)
    reads = [statement for statement in statements if "FROM pools WHERE wallet_id" in statement]
    locks = [statement for statement in statements if "FOR UPDATE" in statement]
    assert (len(reads), len(locks)) == (1, 1)


async def test_sixty_four_streams_share_the_last_cent(two_relays, make, books):
    make.offer(
        "acme/cheap",
        upstream_model="tiny+tokens=3000+chunks=60+delay=0.005",
        prices={"input": "1", "output": "2"},
    )
    for relay in two_relays:
        await relay.deps.catalog.refresh()
    user = make.user(credits_usd="0.01")
    secret = make.secrets[make.key(user).id]

    calls = (
        status_of(two_relays[i % 2], secret, model="acme/cheap", stream=True, max_tokens=3000)
        for i in range(64)
    )
    answers = await asyncio.gather(*calls)

    wallet = books.wallet(user)
    assert 200 in {status for status, _ in answers}
    assert books.holds() == []
    assert books.pool(user)["held"] == 0
    assert wallet.balance_n >= 0
    assert sum(books.charges()) == 10_000_000 - wallet.balance_n


async def test_a_key_limit_says_whose_it_is_what_is_spent_and_when_it_ends(two_relays, make):
    user = make.user(credits_usd="10")
    key = make.key(user, spend_limit_n=COST_N, spend_limit_period="day")
    relay, secret = two_relays[0], make.secrets[key.id]
    await status_of(relay, secret)

    async with relay.post(secret, ask(**CALL)) as response:
        error = (await response.json())["error"]

    assert response.status == 402
    assert error["type"] == "key_limit_reached"
    assert error["metadata"]["scope"] == "key"
    assert error["metadata"]["limit_usd"] == error["metadata"]["spent_usd"] == "$0.011"
    assert error["metadata"]["held_usd"] == "$0.00"
    assert 0 < int(response.headers["Retry-After"]) <= 86_400


async def test_a_change_of_a_key_is_seen_by_the_very_next_call_at_every_relay(two_relays, make, db):
    user = make.user(credits_usd="10")
    key = make.key(user)
    secret = make.secrets[key.id]

    async def statuses():
        return [(await status_of(relay, secret, model="acme/tiny"))[0] for relay in two_relays]

    assert await statuses() == [200, 200]
    for change, expected in (
        (lambda: set_enabled(db, key, enabled=False), 401),
        (lambda: set_enabled(db, key, enabled=True), 200),
        (lambda: set_spend_limit(db, key, 0), 402),
        (lambda: set_spend_limit(db, key, None), 200),
        (lambda: delete_key(db, key, now=datetime.now(UTC)), 401),
    ):
        change()
        db.commit()
        assert await statuses() == [expected, expected]


async def test_an_expired_key_is_refused_by_the_clock(two_relays, make, caller, monkeypatch):
    key = make.key(caller.user, expires_at=datetime.now(UTC) + timedelta(hours=1))
    secret = make.secrets[key.id]

    assert (await status_of(two_relays[0], secret, model="acme/tiny"))[0] == 200
    monkeypatch.setattr(grants, "datetime", SimpleNamespace(now=lambda zone: key.expires_at))
    assert (await status_of(two_relays[0], secret, model="acme/tiny"))[0] == 401


@pytest.mark.parametrize("whose", ["user", "wallet"])
async def test_a_suspended_account_is_refused_on_the_next_call(two_relays, caller, db, whose):
    assert (await status_of(two_relays[0], caller.secret, model="acme/tiny"))[0] == 200
    if whose == "user":
        suspend_user(db, caller.user, now=datetime.now(UTC), by=OPERATOR)
    else:
        caller.user.wallet.suspended_at = datetime.now(UTC)
        bump_wallet(db, caller.user.wallet_id)
    db.commit()

    async with two_relays[0].post(caller.secret, ask()) as response:
        assert response.status == 403
        assert (await response.json())["error"]["type"] == "permission_error"


async def test_keys_that_may_not_call_models_are_told_so(two_relays, make, caller):
    management = make.secrets[make.key(caller.user, key_type="management").id]

    for secret, words in (
        (management, "Management keys cannot call models"),
        (
            new_key(EDUCATION_PREFIX),
            "Education keys cannot be used directly. Visit /access to exchange for a session.",
        ),
    ):
        async with two_relays[0].post(secret, ask()) as response:
            assert response.status == 403
            assert words in (await response.json())["error"]["message"]


async def test_a_key_with_one_character_changed_is_refused_without_a_query(start_relay, caller):
    relay = await start_relay()
    statements = []
    event.listen(
        relay.deps.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )

    for at in range(len(caller.secret)):
        other = "x" if caller.secret[at] != "x" else "y"
        async with relay.post(caller.secret[:at] + other + caller.secret[at + 1 :], ask()) as response:
            assert response.status == 401

    assert [statement for statement in statements if "api_keys" in statement] == []


async def test_a_catalogue_change_is_looked_for_every_second(two_relays, make, caller):
    assert REFRESH_S == 1
    make.offer("acme/new")

    for relay in two_relays:
        await until(lambda relay=relay: "acme/new" in relay.deps.catalog.now.models)
        assert (await status_of(relay, caller.secret, model="acme/new"))[0] == 200


async def test_what_is_not_offered_or_not_priced_is_never_free(two_relays, make, caller, db):
    offer = make.offer("acme/withdrawn")
    offer.enabled = False
    db.commit()
    for relay in two_relays:
        await relay.deps.catalog.refresh()

    status, retry_after = await status_of(two_relays[0], caller.secret, model="acme/withdrawn")

    assert (status, retry_after) == (503, "60")
