"""Attempts keep the last phase that they came to: a job may end its worker's process after its search.

Revision ID: 20261207_attempt_phases
Revises: 20261206_attempt_ends
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261207_attempt_phases"
down_revision = "20261206_attempt_ends"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("phase", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("attempts", "phase")
