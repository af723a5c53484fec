"""Projects keep what has ended for so many days; datasets have the time of their last upload.

Revision ID: 20261216_retention
Revises: 20261215_workers
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.database import UtcDateTime

revision = "20261216_retention"
down_revision = "20261215_workers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("max_age_days", sa.BigInteger(), nullable=True))
    op.add_column("datasets", sa.Column("uploaded_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "uploaded_at")
    op.drop_column("projects", "max_age_days")
