"""A call has one usage row, in the partition of its day."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

EVENT = """
    INSERT INTO usage_events (request_id, day, rank, wallet_id, user_id, key_id, model_id, provider, input_tokens,
        cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, upstream_n, charge_n, status, reason,
        estimated, disputed, stream, duration_ms, app_name, app_url, ended_at)
    VALUES ('00000000-0000-7000-8000-000000000000', {day}, 2, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
        'm', '', 0, 0, 0, 0, 0, 0, {charge}, 200, 'done', false, false, false, 0, '', '', now())
"""


@pytest.mark.parametrize(
    ("day", "charge"), [("current_date", -1), ("current_date", 0), ("date '1999-01-01'", 0)]
)
def test_a_second_row_a_negative_charge_and_a_day_without_partition_are_refused(db, day, charge):
    db.execute(text(EVENT.format(day="current_date", charge=0)))

    with pytest.raises(IntegrityError):
        db.execute(text(EVENT.format(day=day, charge=charge)))

    db.rollback()
