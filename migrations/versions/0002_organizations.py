"""Organizations, teams, members, whom a key is of, the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

KEY_SCOPE = """
CASE scope
    WHEN 'personal' THEN num_nonnulls(org_id, team_id, member_id) = 0
    WHEN 'org' THEN org_id IS NOT NULL AND num_nonnulls(team_id, member_id) = 0
    WHEN 'team' THEN num_nonnulls(org_id, team_id) = 2 AND member_id IS NULL
    WHEN 'member' THEN num_nonnulls(org_id, member_id) = 2 AND team_id IS NULL
    ELSE false
END"""


def breaker_columns(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("cb_enabled", sa.Boolean(), nullable=True),
        sa.Column("cb_minute_n", sa.BigInteger(), nullable=True),
        sa.Column("cb_hourly_n", sa.BigInteger(), nullable=True),
        sa.Column("cb_shadow", sa.Boolean(), nullable=True),
        sa.CheckConstraint("cb_minute_n > 0", name=op.f(f"ck_{table}_cb_minute")),
        sa.CheckConstraint("cb_hourly_n > 0", name=op.f(f"ck_{table}_cb_hourly")),
    )


def upgrade() -> None:
    op.create_table(
        "orgs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("allowed_models", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *breaker_columns("orgs"),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_orgs_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orgs")),
        sa.UniqueConstraint("id", "wallet_id", name=op.f("uq_orgs_id_wallet_id")),
        sa.UniqueConstraint("wallet_id", name=op.f("uq_orgs_wallet_id")),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cost_center_code", sa.Text(), nullable=False),
        sa.Column("monthly_budget_n", sa.BigInteger(), nullable=True),
        sa.Column("allowed_models", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        *breaker_columns("teams"),
        sa.CheckConstraint("monthly_budget_n >= 0", name=op.f("ck_teams_monthly_budget")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_teams_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_teams_org_id_id")),
    )
    op.create_index(
        "ix_teams_name",
        "teams",
        ["org_id", sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("monthly_budget_n", sa.BigInteger(), nullable=True),
        sa.Column("allowed_models", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        *breaker_columns("members"),
        sa.CheckConstraint(
            "role IN ('org_admin', 'billing_viewer', 'team_admin', 'member')", name=op.f("ck_members_role")
        ),
        sa.CheckConstraint("role <> 'team_admin' OR team_id IS NOT NULL", name=op.f("ck_members_team_admin")),
        sa.CheckConstraint("monthly_budget_n >= 0", name=op.f("ck_members_monthly_budget")),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=op.f("fk_members_org_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id")),
        sa.ForeignKeyConstraint(
            ["org_id", "team_id"], ["teams.org_id", "teams.id"], name=op.f("fk_members_team_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_members_org_id_id")),
        sa.UniqueConstraint("org_id", "user_id", name=op.f("uq_members_org_id_user_id")),
    )
    op.create_index("ix_members_org_id_team_id", "members", ["org_id", "team_id"], unique=False)
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    op.add_column("api_keys", sa.Column("scope", sa.Text(), server_default="personal", nullable=False))
    for name in ("org_id", "team_id", "member_id"):
        op.add_column("api_keys", sa.Column(name, sa.Uuid(), nullable=True))
    op.create_check_constraint(op.f("ck_api_keys_scope"), "api_keys", KEY_SCOPE)
    op.create_foreign_key(
        op.f("fk_api_keys_org_id"), "api_keys", "orgs", ["org_id", "wallet_id"], ["id", "wallet_id"]
    )
    op.create_foreign_key(
        op.f("fk_api_keys_team_id"), "api_keys", "teams", ["org_id", "team_id"], ["org_id", "id"]
    )
    op.create_foreign_key(
        op.f("fk_api_keys_member_id"), "api_keys", "members", ["org_id", "member_id"], ["org_id", "id"]
    )
    op.create_index(op.f("ix_api_keys_team_id"), "api_keys", ["team_id"], unique=False)
    op.create_index(op.f("ix_api_keys_member_id"), "api_keys", ["member_id"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("wallet_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("dedup", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "actor_kind IN ('user', 'key', 'operator', 'system')", name=op.f("ck_audit_log_actor_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("dedup", name=op.f("uq_audit_log_dedup")),
    )
    op.create_index("ix_audit_log_org_id_id", "audit_log", ["org_id", "id"], unique=False)
    op.create_index("ix_audit_log_wallet_id_id", "audit_log", ["wallet_id", "id"], unique=False)
    op.execute(
        "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_log_append_only ON audit_log")
    op.drop_table("audit_log")
    # Their limits are about to be forgotten, and a key without them is wider than anybody meant it to be.
    op.execute("UPDATE api_keys SET enabled = false, ver = ver + 1 WHERE scope <> 'personal'")
    op.drop_index(op.f("ix_api_keys_member_id"), table_name="api_keys")
    op.drop_index(op.f("ix_api_keys_team_id"), table_name="api_keys")
    for name in ("member_id", "team_id", "org_id"):
        op.drop_constraint(op.f(f"fk_api_keys_{name}"), "api_keys", type_="foreignkey")
    op.drop_constraint(op.f("ck_api_keys_scope"), "api_keys", type_="check")
    for name in ("member_id", "team_id", "org_id", "scope"):
        op.drop_column("api_keys", name)
    op.drop_table("members")
    op.drop_table("teams")
    op.drop_table("orgs")
