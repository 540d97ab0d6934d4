"""Leases: pools, generations, spool acknowledgement, spending by subject."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

NOBODY = "'00000000-0000-0000-0000-000000000000'"


def upgrade() -> None:
    op.create_table(
        "generations",
        sa.Column("gen", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("gen", name=op.f("pk_generations")),
    )
    op.create_table(
        "proxy_boots",
        sa.Column("boot_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("settled_gen", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("boot_id", name=op.f("pk_proxy_boots")),
    )
    op.create_table(
        "pools",
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("gen", sa.BigInteger(), nullable=False),
        sa.Column("granted_n", sa.BigInteger(), nullable=False),
        sa.Column("posted_n", sa.BigInteger(), nullable=False),
        sa.Column("returned_n", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('active', 'closed')", name=op.f("ck_pools_state")),
        sa.CheckConstraint(
            "granted_n >= 0 AND posted_n >= 0 AND returned_n >= 0", name=op.f("ck_pools_amounts")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_pools_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", "gen", name=op.f("pk_pools")),
    )
    op.create_index("ix_pools_state_gen", "pools", ["state", "gen"], unique=False)
    op.create_table(
        "leases",
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("gen", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("amount_n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount_n > 0", name=op.f("ck_leases_amount")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_leases_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", "gen", "seq", name=op.f("pk_leases")),
    )
    op.create_table(
        "quarantined_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount_n", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_events")),
        sa.UniqueConstraint("bucket", "event_id", name=op.f("uq_quarantined_events_bucket_event_id")),
    )
    op.create_table(
        "version_bumps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_bumps")),
    )
    op.create_table(
        "spends",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gen", sa.BigInteger(), nullable=False),
        sa.Column("charge_n", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('k', 'm', 't', 'p', 'e')", name=op.f("ck_spends_scope")),
        sa.PrimaryKeyConstraint("subject_id", "scope", "hour", "gen", name=op.f("pk_spends")),
    )
    _count_by_key_so_far()
    op.add_column("usage_events", sa.Column("team_id", sa.Uuid(), nullable=True))
    op.add_column("usage_events", sa.Column("member_id", sa.Uuid(), nullable=True))
    op.add_column("usage_events", sa.Column("gen", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_usage_events_ended_at", "usage_events", ["ended_at"], postgresql_using="brin")
    op.execute("UPDATE usage_events SET rank = 0 WHERE charge_n = 0 AND provider = '' AND status >= 400")
    for name in ("team_id", "member_id"):
        op.add_column(
            "usage_daily", sa.Column(name, sa.Uuid(), server_default=sa.text(NOBODY), nullable=False)
        )
        op.add_column("holds", sa.Column(name, sa.Uuid(), nullable=True))
        op.create_index(op.f(f"ix_holds_{name}"), "holds", [name], unique=False)
    op.drop_constraint("pk_usage_daily", "usage_daily")
    op.create_primary_key(
        "pk_usage_daily",
        "usage_daily",
        ["wallet_id", "day", "key_id", "team_id", "member_id", "model_id", "app_name"],
    )


def _count_by_key_so_far() -> None:
    """Limits were counted from daily sums; what this month's calls used is counted from here on."""
    op.execute(
        """
        INSERT INTO spends (subject_id, scope, hour, gen, charge_n, tokens, points, requests)
        SELECT key_id, 'k', day::timestamp AT TIME ZONE 'UTC', 0, sum(charge_n),
               sum(input_tokens + output_tokens), 0, sum(requests)
        FROM usage_daily GROUP BY key_id, day
        """
    )


def downgrade() -> None:
    op.drop_constraint("pk_usage_daily", "usage_daily")
    for name in ("team_id", "member_id"):
        op.drop_index(op.f(f"ix_holds_{name}"), "holds")
        op.drop_column("holds", name)
        op.drop_column("usage_daily", name)
    _merge_daily_lines()
    op.create_primary_key(
        "pk_usage_daily", "usage_daily", ["wallet_id", "day", "key_id", "model_id", "app_name"]
    )
    op.drop_index("ix_usage_events_ended_at", "usage_events")
    for name in ("gen", "member_id", "team_id"):
        op.drop_column("usage_events", name)
    for table in ("spends", "version_bumps", "quarantined_events", "leases", "pools", "proxy_boots"):
        op.drop_table(table)
    op.drop_table("generations")
    op.execute("UPDATE wallets SET leased_n = 0 WHERE leased_n <> 0")


def _merge_daily_lines() -> None:
    """Lines that nothing but their team or member told apart are one."""
    sums = ("requests", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "upstream_n")
    summed = ", ".join(f"sum({name})" for name in (*sums, "charge_n"))
    op.execute(
        f"""
        WITH lines AS (DELETE FROM usage_daily RETURNING *)
        INSERT INTO usage_daily
          (wallet_id, day, key_id, model_id, app_name, {", ".join(sums)}, charge_n, last_at)
        SELECT wallet_id, day, key_id, model_id, app_name, {summed}, max(last_at) FROM lines
        GROUP BY wallet_id, day, key_id, model_id, app_name
        """  # noqa: S608  # column names of ours
    )
