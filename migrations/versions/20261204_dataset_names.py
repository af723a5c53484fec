"""Datasets store the other names under which their bytes were uploaded.

Revision ID: 20261204_dataset_names
Revises: 20261203_more_formats
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261204_dataset_names"
down_revision = "20261203_more_formats"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column(
        "datasets", sa.Column("other_names", json, server_default=sa.text("'[]'"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("datasets", "other_names")
