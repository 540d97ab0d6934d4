"""What is written is every column there is, so that a new one cannot be forgotten."""

from core.charging.booking import _subjects
from core.charging.statements import EVENT_COLUMNS, LINE, SPENT, SUMMED
from core.models import Spend, UsageDaily, UsageEvent


def columns(model):
    return set(model.__table__.columns.keys())


def test_a_usage_row_is_written_whole():
    names = EVENT_COLUMNS.split(", ")

    assert len(set(names)) == len(names)
    assert set(names) == columns(UsageEvent)


def test_daily_sums_have_a_line_and_what_is_summed_in_it():
    assert {column.name for column in UsageDaily.__table__.primary_key} == set(LINE)
    assert columns(UsageDaily) == {*LINE, *SUMMED, "requests", "last_at"}


def test_spends_have_a_place_and_what_is_spent_there():
    assert columns(Spend) == {"subject_id", "scope", "hour", "gen", *SPENT}


def test_everybody_a_call_counts_for_has_a_scope_the_table_knows():
    event = {"key_id": 1, "member_id": 2, "team_id": 3, "quotas": ["p:4", "e:5"]}
    (check,) = (one for one in Spend.__table__.constraints if str(one.name).endswith("scope"))

    for subject in _subjects(event):
        assert f"'{subject[0]}'" in str(check.sqltext)
