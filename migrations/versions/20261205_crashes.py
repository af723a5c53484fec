"""Trials count the attempts whose process ended while they trained.

Revision ID: 20261205_crashes
Revises: 20261204_dataset_names
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261205_crashes"
down_revision = "20261204_dataset_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trials", sa.Column("crashes", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("trials", "crashes")
