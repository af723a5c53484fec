"""Datasets store what the reader of their table decided in doubt.

Revision ID: 20261202_table_warnings
Revises: 20261201_score_error
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261202_table_warnings"
down_revision = "20261201_score_error"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column(
        "datasets", sa.Column("warnings", json, server_default=sa.text("'[]'"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("datasets", "warnings")
