"""Trials store the program that trained them.

Revision ID: 20261124_program
Revises: 20261123_first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261124_program"
down_revision = "20261123_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trials", sa.Column("program", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("trials", "program")
