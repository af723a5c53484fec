"""Totals that only rise, whatever is deleted: attempts, retries, seconds of phases.

Revision ID: 20261218_totals
Revises: 20261217_epoch_events
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261218_totals"
down_revision = "20261217_epoch_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "totals",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name=op.f("pk_totals")),
    )


def downgrade() -> None:
    op.drop_table("totals")
