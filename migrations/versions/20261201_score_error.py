"""Trials store the standard error of their score.

Revision ID: 20261201_score_error
Revises: 20261129_job_phase
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261201_score_error"
down_revision = "20261129_job_phase"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trials", sa.Column("score_error", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("trials", "score_error")
