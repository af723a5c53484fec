"""Running jobs store the phase that they have come to, and since when.

Revision ID: 20261129_job_phase
Revises: 20261128_near_best
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.database import UtcDateTime

revision = "20261129_job_phase"
down_revision = "20261128_near_best"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("phase", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("phase_started_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "phase_started_at")
    op.drop_column("jobs", "phase")
