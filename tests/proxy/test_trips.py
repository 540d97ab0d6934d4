"""Tripped breakers are in the audit log: each once an hour, whoever saw it."""

from dataclasses import replace

import pytest
from sqlalchemy import select, text

from core.charging.calls import Caller, TooFast, Tripped
from core.db import async_engine
from core.ids import uuid7
from core.models import AuditEntry
from core.rules.admission import Deny
from core.rules.scopes import Fuse
from proxy import trips as module
from proxy.trips import Trips

MEMBER, TEAM = uuid7(), uuid7()
THRESHOLDS = (5_000_000_000, 20_000_000_000)


@pytest.fixture
async def two_trips(settings):
    """What two relays have."""
    engine = async_engine(settings.database_url, pool_size=2)
    yield Trips(engine), Trips(engine)
    await engine.dispose()


@pytest.fixture
def trips(two_trips):
    return two_trips[0]


@pytest.fixture
def org(make):
    return make.org()


@pytest.fixture
def calling(make, org):
    """A member of a team of the organization."""
    key = make.key(org=org)
    fuses = tuple(
        Fuse(scope, subject_id, *THRESHOLDS)
        for scope, subject_id in (("member", MEMBER), ("team", TEAM), ("org", org.id))
    )
    return Caller(key.id, 1, org.wallet_id, 1, 0, key.user_id, TEAM, MEMBER, fuses=fuses)


TRIPPED = Tripped("member", "minute", 30_000, spent_n=5_234_100_000, limit_n=5_000_000_000, subject_id=MEMBER)


@pytest.fixture
def entries(db):
    """The audit log's words on breakers, in the order they were written."""

    def read():
        db.rollback()
        of_breakers = select(AuditEntry).where(AuditEntry.action.contains(".cb."))
        return list(db.scalars(of_breakers.order_by(AuditEntry.id)))

    return read


async def test_a_trip_is_written_with_all_its_numbers(trips, calling, org, entries):
    trips.note(TRIPPED, calling)

    await trips.write()

    (entry,) = entries()
    assert (entry.org_id, entry.wallet_id) == (org.id, org.wallet_id)
    assert (entry.actor_kind, entry.actor_id, entry.ip) == ("system", None, "")
    assert (entry.action, entry.target_kind, entry.target_id) == (
        "org_member.cb.tripped",
        "member",
        str(MEMBER),
    )
    assert entry.before is None
    assert entry.after == {
        "window": "minute",
        "spent_n": 5_234_100_000,
        "limit_n": 5_000_000_000,
        "key_id": str(calling.key_id),
    }


async def test_a_breaker_that_trips_all_the_time_is_written_once(two_trips, calling, entries):
    for spent_n in (5_000_000_000, 6_000_000_000, 7_000_000_000):
        for trips in two_trips:
            trips.note(replace(TRIPPED, spent_n=spent_n), calling)
            await trips.write()

    assert [entry.after["spent_n"] for entry in entries()] == [5_000_000_000]


async def test_it_is_written_again_in_the_next_hour(trips, calling, entries, monkeypatch):
    now_s = 1_800_000_000 // 3600 * 3600
    for at_s in (now_s, now_s + 3599, now_s + 3600):
        monkeypatch.setattr(module.time, "time", lambda at_s=at_s: at_s)
        trips.note(TRIPPED, calling)
        await trips.write()

    assert len(entries()) == 2


async def test_each_scope_window_and_mode_is_written_for_itself(trips, calling, org, entries):
    verdicts = [
        replace(TRIPPED, scope=scope, subject_id=subject_id, window=window, is_shadow=is_shadow)
        for scope, subject_id in (("member", MEMBER), ("member", uuid7()), ("team", TEAM), ("org", org.id))
        for window in ("minute", "hour")
        for is_shadow in (False, True)
    ]
    for verdict in verdicts:
        trips.note(verdict, calling)

    await trips.write()

    nouns = {"member": "org_member", "team": "team", "org": "org"}
    assert [(entry.action, entry.target_id, entry.after["window"]) for entry in entries()] == [
        (
            f"{nouns[verdict.scope]}.cb.{'would_trip' if verdict.is_shadow else 'tripped'}",
            str(verdict.subject_id),
            verdict.window,
        )
        for verdict in verdicts
    ]


@pytest.mark.parametrize(
    "verdict",
    [Tripped("global", "minute", 100), TooFast(1, 100), Deny("wallet", 1, 0, 0)],
    ids=lambda verdict: type(verdict).__name__,
)
async def test_nothing_else_is_written(trips, calling, entries, verdict):
    trips.note(verdict, calling)

    await trips.write()

    assert entries() == []


async def test_what_cannot_be_written_waits(trips, calling, entries, db):
    trips.note(TRIPPED, calling)
    db.execute(text("ALTER TABLE audit_log RENAME TO away"))
    db.commit()
    await trips.write()
    db.execute(text("ALTER TABLE away RENAME TO audit_log"))
    db.commit()

    await trips.write()

    assert [entry.action for entry in entries()] == ["org_member.cb.tripped"]
