"""Image tokens: how many a model makes of one image at most, where that is known."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("models", sa.Column("image_tokens", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "image_tokens")
