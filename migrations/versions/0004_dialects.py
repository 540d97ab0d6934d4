"""Dialects: providers may speak Anthropic's or Google's own."""

from alembic import op

revision = "0004"
down_revision = "0003"

KINDS = ("openai", "anthropic", "gemini")


def upgrade() -> None:
    _allow(KINDS)


def downgrade() -> None:
    # What an older version cannot call must not be called as if it were OpenAI's: it is switched off.
    op.execute("UPDATE providers SET enabled = false WHERE kind <> 'openai'")
    op.execute("UPDATE providers SET kind = 'openai' WHERE kind <> 'openai'")
    _allow(KINDS[:1])


def _allow(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_providers_kind")
    op.drop_constraint(name, "providers")
    named = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(name, "providers", f"kind IN ({named})")
