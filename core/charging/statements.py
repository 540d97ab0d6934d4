"""The statements a booking runs: a handful for a whole batch, each with its rows as one JSON document."""

from sqlalchemy import text

LINE = ("wallet_id", "day", "key_id", "team_id", "member_id", "model_id", "app_name")
SUMMED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "upstream_n", "charge_n")
SPENT = ("charge_n", "tokens", "points", "requests")

LOCK = text(
    "SELECT id, balance_n + credit_limit_n - leased_n - held_n AS free_n FROM wallets "
    "WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
)
POOLS = text(
    "SELECT wallet_id, gen, granted_n - posted_n - returned_n AS left_n, "
    "gen < (SELECT max(gen) FROM generations) AS is_over "
    "FROM pools WHERE wallet_id = ANY(:ids) AND state <> 'closed'"
)
EARLIER = text("SELECT * FROM usage_events WHERE request_id = ANY(:ids) AND day = ANY(:days)")
EVENT_COLUMNS = (
    "request_id, day, rank, wallet_id, user_id, key_id, team_id, member_id, gen, model_id, provider, "
    "price_card_id, input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, "
    "upstream_n, charge_n, status, reason, finish_reason, estimated, disputed, stream, duration_ms, "
    "first_byte_ms, app_name, app_url, ended_at"
)
WRITE_EVENTS = text(
    f"""
    INSERT INTO usage_events ({EVENT_COLUMNS})
    SELECT {EVENT_COLUMNS} FROM jsonb_populate_recordset(NULL::usage_events, CAST(:rows AS jsonb))
    ON CONFLICT (request_id, day) DO UPDATE SET
      ({EVENT_COLUMNS}) = ROW({", ".join(f"excluded.{name}" for name in EVENT_COLUMNS.split(", "))})
    """  # noqa: S608  # column names of ours
)
WRITE_DAILY = text(
    f"""
    INSERT INTO usage_daily AS old ({", ".join((*LINE, "requests", *SUMMED, "last_at"))})
    SELECT {", ".join((*LINE, "requests", *SUMMED, "last_at"))}
    FROM jsonb_populate_recordset(NULL::usage_daily, CAST(:rows AS jsonb))
    ON CONFLICT ({", ".join(LINE)}) DO UPDATE SET
      last_at = greatest(old.last_at, excluded.last_at),
      {", ".join(f"{name} = old.{name} + excluded.{name}" for name in ("requests", *SUMMED))}
    """  # noqa: S608
)
WRITE_SPENDS = text(
    f"""
    INSERT INTO spends AS old (subject_id, scope, hour, gen, {", ".join(SPENT)})
    SELECT subject_id, scope, hour, gen, {", ".join(SPENT)}
    FROM jsonb_populate_recordset(NULL::spends, CAST(:rows AS jsonb))
    ON CONFLICT (subject_id, scope, hour, gen) DO UPDATE SET
      {", ".join(f"{name} = old.{name} + excluded.{name}" for name in SPENT)}
    """  # noqa: S608
)
WRITE_LEDGER = text(
    """
    INSERT INTO ledger (wallet_id, kind, ref, amount_n, note, at)
    SELECT wallet_id, kind, ref, amount_n, note, at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
      AS r(wallet_id uuid, kind text, ref text, amount_n bigint, note text, at timestamptz)
    """
)
WRITE_POOLS = text(
    """
    UPDATE pools SET posted_n = posted_n + r.charge_n, used_at = now()
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(wallet_id uuid, gen bigint, charge_n bigint)
    WHERE pools.wallet_id = r.wallet_id AND pools.gen = r.gen
    """
)
WRITE_WALLETS = text(
    """
    UPDATE wallets SET balance_n = balance_n - r.charge_n, leased_n = wallets.leased_n - r.leased_n
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(wallet_id uuid, charge_n bigint, leased_n bigint)
    WHERE wallets.id = r.wallet_id
    """
)
