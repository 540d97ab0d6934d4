"""0003: what was counted by key and day is counted on by the hour, and can be again without it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic import command

from core.ids import day_of
from core.rules.prices import Usage
from tests.core.charging.conftest import open_desk  # noqa: F401  # a fixture
from tests.migrations.test_migrations import config

DAILY = "SELECT key_id, day, requests, input_tokens, output_tokens, upstream_n, charge_n FROM usage_daily"


@pytest.fixture
def desk(open_desk):  # noqa: F811
    return open_desk(100_000)


@pytest.fixture
def move(database_url, desk):
    """Goes down and up; afterwards everything is as the product has it."""
    yield lambda to: (command.downgrade if to < "0003" else command.upgrade)(config(database_url), to)
    command.upgrade(config(database_url), "head")


def spends(desk):
    rows = desk.rows("SELECT subject_id, hour, gen, charge_n, tokens, points, requests FROM spends")
    return {tuple(row) for row in rows}


def test_a_key_has_spent_what_its_days_say(desk, move):
    calls = [desk.admitted(1000) for _ in range(3)]
    for call in calls[:2]:
        desk.settle(call, 300)
    desk.settle(calls[2], 0, status=502, usage=Usage())
    move("0002")

    move("0003")

    midnight = datetime.combine(day_of(calls[0].request_id), datetime.min.time(), UTC)
    assert spends(desk) == {(desk.key_id, midnight, 0, 600, 60, 0, 2)}
    assert desk.differences() == []


def test_limits_go_on_where_they_were(open_desk, database_url):  # noqa: F811
    desk = open_desk(100_000, spend_limit_n=1000)
    desk.settle(desk.admitted(700), 700)
    for to in ("0002", "head"):
        (command.downgrade if to == "0002" else command.upgrade)(config(database_url), to)

    denied = desk.admit(desk.call(400))

    assert (denied.scope, denied.available_n) == ("key", 300)


def test_a_call_that_was_refused_may_still_turn_out_to_have_run(desk, move):
    done, failed = desk.admitted(1000), desk.admitted(1000)
    desk.settle(done, 300)
    desk.settle(failed, 0, status=502, usage=Usage())
    move("0002")
    desk.run(
        "INSERT INTO usage_events (request_id, day, rank, wallet_id, user_id, key_id, model_id, provider, "
        "input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, upstream_n, charge_n, "
        "status, reason, estimated, disputed, stream, duration_ms, app_name, app_url, ended_at) "
        "SELECT :id, day, 2, wallet_id, user_id, key_id, model_id, '', 0, 0, 0, 0, 0, 0, 0, 402, "
        "'insufficient_credits', false, false, false, 0, '', '', now() FROM usage_events LIMIT 1",
        id=uuid4(),
    )

    move("0003")

    ranks = desk.rows("SELECT status, rank FROM usage_events ORDER BY status")
    assert [tuple(row) for row in ranks] == [(200, 2), (402, 0), (502, 2)]


def test_lines_of_teams_and_members_become_one_without_them(desk, move):
    team, members = uuid4(), [uuid4(), uuid4(), None]
    for charge, member in enumerate(members, 1):
        call = desk.call(10, team_id=team if member else None, member_id=member)
        desk.book(desk.entry(call, charge))
    assert len(desk.rows(DAILY)) == 3
    desk.run("UPDATE usage_events SET team_id = NULL, member_id = NULL")  # what the way back forgets

    move("0002")
    (line,) = desk.rows(DAILY)
    move("0003")

    assert tuple(line)[2:] == (3, 30, 60, 6, 6)
    assert len(desk.rows(DAILY)) == 1
    assert desk.differences() == []


def test_leased_money_is_free_where_there_are_no_leases(desk, move):
    desk.lease(desk.open_generation().gen, 100)
    assert desk.wallet()[1] > 0

    move("0002")
    assert desk.wallet() == (100_000, 0, 100_000)
    move("0003")

    assert desk.differences() == []


def test_a_running_call_is_settled_after_the_way_there_and_back(desk, move):
    call = desk.admitted(500)

    for to in ("0002", "0003"):
        move(to)

    assert desk.settle(call, 400).charge_n == 400
    assert desk.differences() == []


def test_every_partition_has_the_new_columns(desk, move):
    for to in ("0002", "0003"):
        move(to)

    columns = desk.rows(
        "SELECT c.relname, count(*) AS n FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relname LIKE 'usage_events_%' AND c.relkind = 'r' "
        "AND a.attname IN ('gen', 'team_id', 'member_id') GROUP BY 1"
    )

    assert len(columns) > 0
    assert {row.n for row in columns} == {3}
