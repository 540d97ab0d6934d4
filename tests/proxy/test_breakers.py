"""The spend circuit breaker over HTTP: windows of upstream cost of a member, a team, an organization."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from core.actions.audit import OPERATOR
from core.actions.breakers import set_breaker
from core.counters.keys import wallet_keys
from core.models import AuditEntry, Wallet
from tests.proxy.conftest import ask, until
from tests.proxy.refused_calls import Refuser
from tests.proxy.test_clients import connect, leave

SPENT_N = 5_234_100_000  # upstream, by a call of ten tokens to acme/dear
BODY = ask("acme/dear", max_tokens=10)
HALF = ask("acme/half", max_tokens=10)
SENTENCE = (
    "Spend circuit breaker tripped at {} scope ({} window: $5.2341 ≥ $5.00). Try again later or contact your "
    "organization owner."
)


@pytest.fixture
def dear(make, simulator):
    make.provider("acme", base_url=simulator.api_base)
    for name, price in (("dear", "523410"), ("half", "261705")):
        make.offer(f"acme/{name}", upstream_model="tiny+tokens=10", prices={"input": "0", "output": price})


@pytest.fixture
async def relay(start_relay, dear):
    return await start_relay()


@pytest.fixture
def refused(books, simulator):
    return Refuser(books, simulator)


@pytest.fixture
def org(make):
    return make.org(credits_usd="1000")


@pytest.fixture
def team(make, org):
    return make.team(org)


@pytest.fixture
def member(make, team):
    return make.member(team=team)


@pytest.fixture
def secret_of(make):
    def made(member):
        return make.secrets[make.key(member=member).id]

    return made


@pytest.fixture
def secret(secret_of, member):
    return secret_of(member)


@pytest.fixture
def trips(db):
    """What the audit log says of trips: the action and what it was done to."""

    def read():
        db.rollback()
        rows = db.scalars(
            select(AuditEntry).where(AuditEntry.action.contains(".cb.")).order_by(AuditEntry.id)
        )
        return [(row.action, row.target_id, row.after) for row in rows]

    return read


async def status_of(relay, secret, body=BODY):
    async with relay.post(secret, body) as response:
        await response.read()
        return response.status


async def test_the_call_after_the_threshold_is_a_429_with_the_sentence_of_the_contract(
    relay, refused, secret, member, org, trips
):
    assert await status_of(relay, secret) == 200

    answers = [await refused(relay, secret, BODY, of=org) for _ in range(2)]

    for answer in answers:
        assert (answer.status, answer.row.reason) == (429, "breaker_tripped")
        assert 0 < answer.retry_after_s <= 60
        assert answer.error == {
            "message": SENTENCE.format("member", "minute"),
            "type": "breaker_tripped",
            "code": 429,
            "scope": "member",
            "metadata": {"scope": "member", "window": "minute", "spent_usd": "$5.2341", "limit_usd": "$5.00"},
        }
    ((action, target, after),) = await until(trips)
    assert (action, target) == ("org_member.cb.tripped", str(member.id))
    assert (after["window"], after["spent_n"], after["limit_n"]) == ("minute", SPENT_N, 5_000_000_000)


async def test_below_the_threshold_nothing_trips(relay, secret, org, db):
    set_breaker(db, org, cb_minute_n=SPENT_N + 1, by=OPERATOR)
    db.commit()

    assert [await status_of(relay, secret) for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(("scope", "noun"), [("team", "team"), ("org", "org")])
async def test_members_trip_the_breaker_above_them_together(
    relay, refused, make, secret_of, org, team, trips, db, scope, noun
):
    if scope == "team":
        set_breaker(db, org, cb_minute_n=10**12, by=OPERATOR)
        set_breaker(db, team, cb_minute_n=5_000_000_000, by=OPERATOR)
        db.commit()
    other_team = team if scope == "team" else make.team(org)
    secrets = [secret_of(make.member(team=team)), secret_of(make.member(team=other_team))]
    outside = secret_of(make.member(org))
    assert [await status_of(relay, secret, HALF) for secret in secrets] == [200, 200]

    answers = [await refused(relay, secret, HALF, of=org) for secret in secrets]

    assert [answer.error["message"] for answer in answers] == [SENTENCE.format(scope, "minute")] * 2
    assert [answer.error["scope"] for answer in answers] == [scope] * 2
    # somebody of another team is stopped by the organization's breaker alone
    assert await status_of(relay, outside, HALF) == (200 if scope == "team" else 429)
    target = team.id if scope == "team" else org.id
    assert [entry[:2] for entry in await until(trips)] == [(f"{noun}.cb.tripped", str(target))]


async def test_the_hour_has_a_threshold_of_its_own(relay, refused, secret, member, org, db):
    set_breaker(db, member, cb_minute_n=10**12, cb_hourly_n=5_000_000_000, by=OPERATOR)
    db.commit()
    assert await status_of(relay, secret) == 200

    answer = await refused(relay, secret, BODY, of=org)

    assert answer.error["message"] == SENTENCE.format("member", "hour")
    assert 58 * 60 < answer.retry_after_s <= 60 * 60


async def test_what_is_not_set_comes_from_above_field_by_field(relay, secret, member, team, org, db):
    set_breaker(db, org, cb_minute_n=1, cb_hourly_n=10**12, by=OPERATOR)
    set_breaker(db, team, cb_minute_n=10**12, by=OPERATOR)
    db.commit()
    first = [await status_of(relay, secret) for _ in range(2)]

    set_breaker(db, org, cb_minute_n=10**12, by=OPERATOR)
    set_breaker(db, member, cb_hourly_n=SPENT_N, by=OPERATOR)
    db.commit()

    assert first == [200, 429]  # of the organization itself
    assert await status_of(relay, secret) == 429  # of the member
    set_breaker(db, member, cb_hourly_n=None, by=OPERATOR)
    db.commit()
    assert await status_of(relay, secret) == 200


async def test_a_breaker_that_is_off_stops_nothing_and_goes_on_counting(relay, secret, org, db):
    set_breaker(db, org, cb_enabled=False, by=OPERATOR)
    db.commit()
    off = [await status_of(relay, secret) for _ in range(3)]

    set_breaker(db, org, cb_enabled=True, by=OPERATOR)
    db.commit()

    assert off == [200, 200, 200]
    assert await status_of(relay, secret) == 429


async def test_a_breaker_in_shadow_mode_admits_and_says_once_what_it_would_have_done(
    relay, secret, member, org, db, trips, books
):
    set_breaker(db, org, cb_shadow=True, by=OPERATOR)
    db.commit()

    statuses = [await status_of(relay, secret) for _ in range(4)]

    assert statuses == [200] * 4
    assert len(books.charges()) == 4
    found = await until(lambda: len(entries := trips()) == 3 and entries)
    assert [entry[:2] for entry in found] == [
        ("org_member.cb.would_trip", str(member.id)),
        ("team.cb.would_trip", str(member.team_id)),
        ("org.cb.would_trip", str(org.id)),
    ]
    for *_, after in found:
        assert (after["window"], after["spent_n"], after["limit_n"]) == ("minute", SPENT_N, 5_000_000_000)


async def test_it_recovers_by_itself_once_the_window_has_passed(relay, secret, member, redis, db, org):
    assert [await status_of(relay, secret) for _ in range(2)] == [200, 429]
    windows = wallet_keys(db.get_one(Wallet, org.wallet_id).bucket, org.wallet_id).windows
    for scope in (f"m:{member.id.hex}", f"t:{member.team_id.hex}", f"o:{org.id.hex}"):
        head = int(redis.hget(windows, f"{scope}:hs"))
        redis.hset(windows, f"{scope}:hs", head - 60)  # as if it had been written a minute ago

    assert await status_of(relay, secret) == 200


async def test_an_operator_may_have_it_answer_503(start_relay, dear, refused, secret, org):
    relay = await start_relay(breaker_status=503)
    assert await status_of(relay, secret) == 200

    answer = await refused(relay, secret, BODY, of=org)

    assert (answer.status, answer.error["code"], answer.row.reason) == (503, 503, "breaker_tripped")
    assert answer.error["message"] == SENTENCE.format("member", "minute")
    assert 0 < answer.retry_after_s <= 60


async def test_a_call_is_counted_while_it_runs(start_relay, dear, make, secret):
    make.offer(
        "acme/slow",
        upstream_model="tiny+tokens=400+chunks=400+delay=0.05",
        prices={"input": "0", "output": "100000"},
    )
    make.offer()
    relay = await start_relay()
    running = connect(relay, SimpleNamespace(secret=secret), ask("acme/slow", stream=True, max_tokens=400))
    await until(lambda: any(c.meter.cost_so_far().upstream_n > 5 * 10**9 for c in _charges(relay)))

    answer = {}
    while "error" not in answer and _charges(relay):  # until its first checkpoint
        async with relay.post(secret, ask("acme/tiny")) as response:
            answer = await response.json()

    assert answer["error"]["type"] == "breaker_tripped"
    leave(running, "reset")
    await until(lambda: not _charges(relay))


async def test_a_persons_key_has_no_breaker_but_the_global_one(relay, make, dear):
    key = make.key(make.user(credits_usd="1000"))

    statuses = [await status_of(relay, make.secrets[key.id]) for _ in range(5)]

    assert statuses == [200] * 5


def _charges(relay):
    return list(relay.deps.running._charges.values())
