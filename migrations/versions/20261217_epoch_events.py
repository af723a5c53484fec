"""Which jobs have ended and still have their events of epochs.

Revision ID: 20261217_epoch_events
Revises: 20261216_retention
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261217_epoch_events"
down_revision = "20261216_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("has_epoch_events", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.create_index(
        op.f("ix_jobs_has_epoch_events_finished_at"), "jobs", ["has_epoch_events", "finished_at"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_has_epoch_events_finished_at"), "jobs")
    op.drop_column("jobs", "has_epoch_events")
