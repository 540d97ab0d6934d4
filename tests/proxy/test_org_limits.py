"""What an organization's keys may do, in the contract's order: each refusal says why and leaves nothing behind."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from aiohttp import web

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from core.actions.breakers import set_breaker
from core.actions.keys import set_enabled, set_spend_limit
from core.actions.members import update_member
from core.actions.orgs import resume_org, suspend_org
from core.actions.teams import update_team
from core.rules.periods import end_of
from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import WHOLE
from tests.proxy.refused_calls import Refuser

COST_N, UPSTREAM_N = 1_100_000, 1_000_000  # 10 tokens at USD 100 per 1M, and the fee
BODY = ask("acme/ten", max_tokens=10)


@pytest.fixture
def ten(make, simulator):
    """`acme/ten` costs the same whatever is asked."""
    make.provider("acme", base_url=simulator.api_base)
    for model in ("acme/ten", "acme/other"):
        make.offer(model, upstream_model="tiny+tokens=10", prices={"input": "0", "output": "100"})


@pytest.fixture
async def relay(start_relay, ten):
    return await start_relay()


@pytest.fixture
def refused(books, simulator):
    return Refuser(books, simulator)


@pytest.fixture
def org(make):
    return make.org(credits_usd="10")


@pytest.fixture
def team(make, org):
    return make.team(org)


@pytest.fixture
def member(make, team):
    return make.member(team=team)


@pytest.fixture
def secret(make, member):
    return make.secrets[make.key(member=member).id]


async def call(relay, secret, body=BODY):
    async with relay.post(secret, body) as response:
        await response.read()
        return response


def this_month_ends():
    return end_of("month", datetime.now(UTC))


def assert_until_the_month_ends(answer):
    """Retry-After and resets_at say the first of the next month."""
    ends_at = this_month_ends()
    assert answer.error["resets_at"] == ends_at.isoformat()
    wait_s = (ends_at - datetime.now(UTC)).total_seconds()
    assert wait_s - 5 < answer.retry_after_s < wait_s + 30


# Allowed models


async def test_a_model_that_a_list_leaves_out_is_a_403(relay, refused, secret, org, db):
    set_allowed_models(db, org, ["acme/other"], by=OPERATOR)
    db.commit()

    answer = await refused(relay, secret, BODY, of=org)

    assert answer.status == 403
    assert answer.error == {
        "message": "Model is not allowed for this account",
        "type": "permission_error",
        "code": "model_not_allowed",
    }
    assert answer.row.model_id == "acme/ten"
    assert "Retry-After" not in answer.headers


async def test_lists_of_org_team_and_member_hold_together_and_at_once(
    relay, refused, secret, org, team, member, db
):
    statuses = []
    for holder, patterns in (
        (org, ["acme/*"]),
        (team, ["acme/ten", "own/model"]),
        (member, ["acme/other"]),  # nothing is on all three
        (member, ["acme/ten"]),
        (team, []),
        (org, ["own/*"]),
    ):
        set_allowed_models(db, holder, patterns, by=OPERATOR)
        db.commit()
        statuses.append((await call(relay, secret)).status)

    assert statuses == [200, 200, 403, 200, 200, 403]


# Calls a minute


async def test_too_many_calls_a_minute_are_a_429_with_its_headers(start_relay, ten, refused, secret, org):
    relay = await start_relay(rpm_free=2, rpm_paid=2)  # one in 30 seconds, and one more
    began = time.time()
    for _ in range(2):
        assert (await call(relay, secret)).status == 200

    answers = [await refused(relay, secret, BODY, of=org) for _ in range(2)]

    assert [answer.status for answer in answers] == [429, 429]
    for answer in answers:
        wait_s = answer.retry_after_s
        assert 0 < wait_s <= 30
        assert answer.error == {
            "message": f"More than 2 requests a minute. Try again in {wait_s} seconds.",
            "type": "rate_limit_error",
            "code": 429,
        }
        assert answer.row.reason == "too_many"
        assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("2", "0")
    resets = {int(answer.headers["X-RateLimit-Reset"]) for answer in answers}
    assert len(resets) == 1  # being refused puts nothing off
    assert 60 <= resets.pop() - began <= 61 + (time.time() - began)


async def test_the_rate_is_each_members_own_whatever_key_it_uses(start_relay, ten, make, team):
    relay = await start_relay(rpm_free=1, rpm_paid=1)
    one, other = make.member(team=team), make.member(team=team)
    keys = [make.key(member=one), make.key(member=one), make.key(member=other)]

    statuses = [(await call(relay, make.secrets[key.id])).status for key in keys]

    assert statuses == [200, 429, 200]


async def test_the_rate_of_an_orgs_key_is_its_owners(start_relay, ten, make, org):
    relay = await start_relay(rpm_free=1, rpm_paid=1)
    owner, other = make.user(), make.user()
    for user in (owner, other):
        make.member(org, user, role="org_admin")
    keys = [make.key(owner, org=org), make.key(owner, org=org), make.key(other, org=org)]

    statuses = [(await call(relay, make.secrets[key.id])).status for key in keys]

    assert statuses == [200, 429, 200]


async def test_a_refused_call_uses_up_nothing_of_the_minute(
    start_relay, ten, refused, secret, member, org, db
):
    relay = await start_relay(rpm_free=2, rpm_paid=2)
    update_member(db, member, monthly_budget_n=0, by=OPERATOR)
    db.commit()
    answers = [await refused(relay, secret, BODY, of=org) for _ in range(4)]
    update_member(db, member, monthly_budget_n=None, by=OPERATOR)
    db.commit()

    served = [await call(relay, secret) for _ in range(2)]

    assert [answer.error["scope"] for answer in answers] == ["member"] * 4
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2"] * 4
    assert [answer.status for answer in served] == [200, 200]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in served] == ["1", "0"]


# Calls at once


async def test_the_fifty_first_call_at_once_is_a_429_until_one_ends(
    start_relay, make, provider, simulator, refused, secret, member, org
):
    release = asyncio.Event()

    async def waits(_request):
        await release.wait()
        return web.json_response(WHOLE)

    provider.answer = waits
    relay = await start_relay()
    body = ask("own/model", max_tokens=16)
    running = [asyncio.create_task(call(relay, secret, body)) for _ in range(50)]
    await until(lambda: len(provider.received) == 50, timeout_s=30)

    answer = await refused(relay, secret, body, of=org)
    other_key = asyncio.create_task(call(relay, make.secrets[make.key(member=member).id], body))
    await until(lambda: len(provider.received) == 51)

    assert (answer.status, answer.retry_after_s, answer.row.reason) == (429, 1, "too_many")
    assert answer.error == {
        "message": "This key has 50 calls running, as many as it may at once. Wait for one to end.",
        "type": "rate_limit_error",
        "code": 429,
    }
    release.set()
    assert {response.status for response in await asyncio.gather(*running, other_key)} == {200}
    assert (await call(relay, secret, body)).status == 200


# Money


async def test_a_member_whose_budget_is_used_up_is_a_429(relay, refused, secret, member, org, db):
    update_member(db, member, monthly_budget_n=COST_N + 7, by=OPERATOR)
    db.commit()
    assert (await call(relay, secret)).status == 200

    answer = await refused(relay, secret, BODY, of=org)

    assert (answer.status, answer.row.reason) == (429, "over_budget")
    assert (answer.row.member_id, answer.row.team_id) == (member.id, member.team_id)
    assert_until_the_month_ends(answer)
    ends_at = this_month_ends()
    assert answer.error == {
        "message": f"This member's monthly budget of $0.001100007 is used up until {ends_at:%Y-%m-%d} 00:00 UTC. "
        "Ask an admin of the organization for more.",
        "type": "budget_exceeded",
        "code": 429,
        "scope": "member",
        "resets_at": ends_at.isoformat(),
        "metadata": {
            "scope": "member",
            "resets_at": ends_at.isoformat(),
            "limit_usd": "$0.001100007",
            "spent_usd": "$0.0011",
            "held_usd": "$0.00",
            "needed_usd": "$0.0011",
            "available_usd": "$0.000000007",
        },
    }


async def test_a_teams_budget_is_its_members_together_and_its_own_keys(
    relay, refused, make, team, org, db, secret
):
    update_team(db, team, monthly_budget_n=2 * COST_N, by=OPERATOR)
    db.commit()
    of_team = make.secrets[make.key(team=team).id]
    other_member = make.secrets[make.key(member=make.member(team=team)).id]
    outside = make.secrets[make.key(member=make.member(org)).id]
    assert [(await call(relay, key)).status for key in (secret, of_team)] == [200, 200]

    answers = [await refused(relay, key, BODY, of=org) for key in (secret, of_team, other_member)]

    assert [answer.status for answer in answers] == [429, 429, 429]
    for answer in answers:
        assert_until_the_month_ends(answer)
        assert answer.error["scope"] == "team"
        assert answer.error["message"].startswith("The team's monthly budget of $0.0022 is used up until ")
        assert answer.error["metadata"]["spent_usd"] == "$0.0022"
        assert answer.row.reason == "over_budget"
    assert (await call(relay, outside)).status == 200


async def test_an_organization_without_credits_is_a_429_of_scope_org(relay, refused, make, books):
    org = make.org(credits_usd="0.0011")
    secret = make.secrets[make.key(org=org).id]
    assert (await call(relay, secret)).status == 200

    answer = await refused(relay, secret, BODY, of=org)

    assert (answer.status, answer.retry_after_s, answer.row.reason) == (429, 60, "over_budget")
    assert answer.error == {
        "message": "The organization's credits are used up. Ask one of its admins to top up.",
        "type": "budget_exceeded",
        "code": 429,
        "scope": "org",
        "resets_at": None,
        "metadata": {
            "scope": "org",
            "needed_usd": "$0.0011",
            "available_usd": "$0.00",
            "held_usd": "$0.00",
            "resets_at": None,
        },
    }
    assert books.wallet(org).balance_n == 0
    make.credits(org, "1")
    assert (await call(relay, secret)).status == 200


async def test_a_keys_own_limit_is_a_402(relay, refused, make, member, org):
    key = make.key(member=member, spend_limit_n=COST_N, spend_limit_period="month")
    assert (await call(relay, make.secrets[key.id])).status == 200

    answer = await refused(relay, make.secrets[key.id], BODY, of=org)

    assert (answer.status, answer.row.reason) == (402, "key_limit_reached")
    assert_until_the_month_ends(answer)
    assert answer.error["type"] == "key_limit_reached"
    assert answer.error["scope"] == "key"
    assert answer.error["message"] == (
        f"This API key has reached its spend limit of $0.0011. It works again from {this_month_ends():%Y-%m-%d} "
        "00:00 UTC; the limit can be changed on the API keys page."
    )


async def test_parallel_calls_of_members_spend_no_more_than_their_team_may(
    start_relay, ten, make, team, books, db, simulator, org
):
    relays = [await start_relay(), await start_relay()]
    update_team(db, team, monthly_budget_n=7 * COST_N + COST_N // 2, by=OPERATOR)
    db.commit()
    secrets = [make.secrets[make.key(member=make.member(team=team)).id] for _ in range(3)]

    answers = await asyncio.gather(*(call(relays[i % 2], secrets[i % 3]) for i in range(45)))

    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (7, 38)
    assert books.charges() == [COST_N] * 7
    assert len(simulator.truth.records()) == 7
    assert books.pool(org)["held"] == 0


# All of it


async def test_what_is_wrong_is_told_in_the_order_of_the_contract(start_relay, ten, refused, make, db, books):
    """Everything is: as one reason after the other is done away with, the next one is told."""
    org = make.org(credits_usd="0.0011")
    team = make.team(org, monthly_budget_n=COST_N)
    member = make.member(team=team, monthly_budget_n=COST_N)
    key = make.key(member=member, spend_limit_n=COST_N)
    secret, limits = make.secrets[key.id], {"rpm_free": 1, "rpm_paid": 1}
    all_limits = await start_relay(**limits, global_minute_n=UPSTREAM_N)
    without_rate = await start_relay(global_minute_n=UPSTREAM_N)
    relay = await start_relay()
    assert (await call(all_limits, secret)).status == 200
    set_breaker(db, member, cb_minute_n=UPSTREAM_N, by=OPERATOR)
    set_allowed_models(db, member, ["acme/other"], by=OPERATOR)
    suspend_org(db, org, now=datetime.now(UTC), by=OPERATOR)
    set_enabled(db, key, enabled=False)
    db.commit()
    for one in (all_limits, without_rate):
        await until(one.deps.leases.breaker.retry_ms)
    told = []

    async def is_told(through):
        answer = await refused(through, secret, BODY, of=org)
        told.append((answer.status, answer.error.get("scope"), answer.row.reason))

    await is_told(all_limits)
    set_enabled(db, key, enabled=True)
    db.commit()
    async with all_limits.post(secret, BODY) as response:  # whose key it was is not looked at any more
        told.append((response.status, (await response.json())["error"]["type"]))
    resume_org(db, org, by=OPERATOR)
    db.commit()
    await is_told(all_limits)
    set_allowed_models(db, member, [], by=OPERATOR)
    db.commit()
    for through in (all_limits, without_rate, relay):
        await is_told(through)
    for change in (
        lambda: set_breaker(db, member, cb_enabled=False, by=OPERATOR),
        lambda: set_spend_limit(db, key, None),
        lambda: update_member(db, member, monthly_budget_n=None, by=OPERATOR),
        lambda: update_team(db, team, monthly_budget_n=None, by=OPERATOR),
    ):
        change()
        db.commit()
        await is_told(relay)
    make.credits(org, "1")

    assert told == [
        (401, None, "unauthenticated"),
        (403, "permission_error"),
        (403, None, "forbidden"),
        (429, None, "too_many"),
        (503, None, "breaker_tripped"),
        (429, "member", "breaker_tripped"),
        (402, "key", "key_limit_reached"),
        (429, "member", "over_budget"),
        (429, "team", "over_budget"),
        (429, "org", "over_budget"),
    ]
    assert (await call(relay, secret)).status == 200
    assert books.charges() == [COST_N, COST_N]
