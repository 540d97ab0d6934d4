"""Every status of the contract, in each format a client may speak: its shape, its headers, and nothing taken."""

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from core.actions.keys import delete_key, set_enabled
from core.actions.members import update_member
from core.actions.teams import update_team
from core.actions.users import suspend_user
from core.ids import EDUCATION_PREFIX, new_key
from core.models import Offer
from tests.proxy.conftest import until
from tests.proxy.test_ways import FORMATS, PATHS, body

RATES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
ANTHROPICS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 405: "invalid_request_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 502: "api_error",
    503: "overloaded_error",
}  # fmt: skip
WAITED_FOR = {429, 503}


@pytest.fixture
def at(start_relay, tiny, make, db, caller, books, simulator):
    """What a situation is made of, and what it may say: who calls, with what, and where."""

    async def start(**changes):
        said.relay = await start_relay(**changes)

    def key_of(holder=None, **fields):
        return make.secrets[make.key(holder, **fields).id]

    said = SimpleNamespace(
        make=make, db=db, caller=caller, books=books, simulator=simulator, start=start, key_of=key_of,
        secret=caller.secret, sent=lambda form: json.dumps(body(form)).encode(), relay=None, member=None,
    )  # fmt: skip
    return said


def changed(**fields):
    """Calls with other fields."""
    return lambda form: json.dumps(body(form, **fields)).encode()


def without(*names):
    """Calls that lack fields."""
    return lambda form: json.dumps({k: v for k, v in body(form).items() if k not in names}).encode()


async def served(at, model, form="chat"):
    """Make a call that is served, to have used something up."""
    async with at.relay.post(at.secret, body(form, model=model), path=PATHS[form]) as response:
        assert response.status == 200, await response.text()
    return await until(at.books.charges)


def in_an_org(at, *, usd="10"):
    at.org = at.make.org(credits_usd=usd)
    at.team = at.make.team(at.org)
    at.member = at.make.member(team=at.team)
    at.secret = at.key_of(member=at.member)


# ---- the situations, by the status they lead to


async def malformed(at):
    at.sent = lambda form: b'{"model": "acme/tiny", '


async def empty(at):
    at.sent = changed(messages=[], input=[])


async def no_input(at):
    at.sent = without("messages", "input")


async def no_model(at):
    at.sent = without("model")


async def bare_model(at):
    at.sent = changed(model="tiny")


async def unknown_model(at):
    at.sent = changed(model="acme/tinny")


async def no_key(at):
    at.secret = None


async def invalid_key(at):
    at.secret = at.caller.secret[:-1] + ("a" if at.caller.secret[-1] != "a" else "b")


async def disabled_key(at):
    set_enabled(at.db, at.caller.key, enabled=False)


async def revoked_key(at):
    delete_key(at.db, at.caller.key, now=datetime.now(UTC))


async def expired_key(at):
    at.caller.key.expires_at = datetime.now(UTC)  # nobody could make one that has run out
    at.db.commit()


async def no_credits(at):
    at.secret = at.key_of(at.make.user())


async def key_limit(at):
    at.secret = at.key_of(at.caller.user, spend_limit_n=0)


async def suspended(at):
    suspend_user(at.db, at.caller.user, now=datetime.now(UTC), by=OPERATOR)


async def management_key(at):
    at.secret = at.key_of(at.caller.user, key_type="management")


async def education_key(at):
    at.secret = new_key(EDUCATION_PREFIX)


async def model_not_allowed(at):
    in_an_org(at)
    set_allowed_models(at.db, at.org, ["acme/other"], by=OPERATOR)


async def too_large(at):
    await at.start(body_limit_bytes=50)


async def too_fast(at):
    await at.start(rpm_paid=1)
    await served(at, "acme/tiny")


async def flooding(at):
    await at.start(rpm_paid=1)
    grant = await at.relay.deps.grants.find(at.secret)
    for _ in range(11):
        at.relay.deps.floods.count(grant.caller)


async def member_budget(at):
    in_an_org(at)
    update_member(at.db, at.member, monthly_budget_n=0, by=OPERATOR)


async def team_budget(at):
    in_an_org(at)
    update_team(at.db, at.team, monthly_budget_n=0, by=OPERATOR)


async def org_credits(at):
    in_an_org(at, usd=None)


async def scoped_breaker(at):
    in_an_org(at, usd="1000")
    at.make.offer("acme/dear", upstream_model="tiny+tokens=10", prices={"output": "600000"})
    at.sent = changed(model="acme/dear")
    await at.start()
    await served(at, "acme/dear")


async def our_fault(at):
    await at.start()

    async def fails(*_args):
        raise RuntimeError("a secret of the inside")

    at.relay.deps.upstreams.serve = fails  # there is no way from outside to have it fail


async def upstream_fails(at):
    at.make.offer("acme/tiny", upstream_model="tiny+status=500")


async def our_key_refused(at):
    at.make.offer("acme/tiny", upstream_model="tiny+status=401")


async def no_provider(at):
    at.db.query(Offer).update({"enabled": False})


async def global_breaker(at):
    at.make.offer("acme/dear", upstream_model="tiny+tokens=10", prices={"output": "1000"})
    await at.start(global_minute_n=10_000_000)
    await served(at, "acme/dear")
    await until(at.relay.deps.leases.breaker.retry_ms)


SITUATIONS = [
    (400, malformed), (400, empty), (400, no_input), (400, no_model), (400, bare_model), (404, unknown_model),
    (401, no_key), (401, invalid_key), (401, disabled_key), (401, revoked_key), (401, expired_key),
    (402, no_credits), (402, key_limit),
    (403, suspended), (403, management_key), (403, education_key), (403, model_not_allowed),
    (413, too_large),
    (429, too_fast), (429, flooding), (429, member_budget), (429, team_budget), (429, org_credits), (429, scoped_breaker),
    (500, our_fault), (502, upstream_fails), (502, our_key_refused), (503, no_provider), (503, global_breaker),
]  # fmt: skip
# Who shows no live key has no calls a minute.
UNRATED = {no_key, invalid_key, disabled_key, revoked_key, expired_key, suspended, education_key}


def check(form, status, response, document):
    """See to it that a refusal has the shape and the headers of its format."""
    error, headers = document["error"], response.headers
    assert error["message"]
    assert error["code"] == status or isinstance(error["code"], str)
    if form == "messages":
        assert (document["type"], error["type"]) == ("error", ANTHROPICS[status])
        assert document["request_id"] == headers["X-Request-Id"]
    else:
        assert set(document) == {"error"}
        assert error["type"]
    assert UUID(headers["X-Request-Id"]).version == 7
    assert headers["X-Provider"] == ("acme" if status == 502 else "none")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in headers) >= (status in WAITED_FOR)
    assert int(headers.get("Retry-After", "1")) > 0


@pytest.mark.parametrize(
    ("status", "situation"), SITUATIONS, ids=lambda value: getattr(value, "__name__", None)
)
async def test_every_status_is_told_in_each_format_and_nothing_is_taken(
    at, books, simulator, status, situation
):
    await situation(at)
    at.db.commit()
    if at.relay is None:
        await at.start()
    taken = books.charges()
    simulator.truth.forget()

    answers = []
    with capture_logs() as logs:
        for form in FORMATS:
            async with at.relay.post(at.secret, at.sent(form), path=PATHS[form]) as response:
                answers.append((form, response, await response.read()))

    for form, response, text in answers:
        assert response.status == status, text
        check(form, status, response, json.loads(text))
        assert sum(name in response.headers for name in RATES) == (0 if situation in UNRATED else 3)
        if situation not in UNRATED:
            limit, remaining, reset = (int(response.headers[name]) for name in RATES)
            assert 0 <= remaining <= limit > 0
            assert abs(reset - time.time()) <= 62
            assert remaining == 0 or situation not in {too_fast, flooding}
        assert b"a secret of the inside" not in text
        assert (response.headers["X-Request-Id"].encode() in text) >= (status == 500)
    assert len([entry for entry in logs if "exc_info" in entry]) == (3 if status == 500 else 0)
    assert books.charges() == taken
    assert books.holds() == []
    assert status == 502 or simulator.truth.records() == []
