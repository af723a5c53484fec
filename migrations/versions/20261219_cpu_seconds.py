"""Processor seconds of attempts and of projects by day, and the quota of them.

Revision ID: 20261219_cpu_seconds
Revises: 20261218_totals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.database import UtcDateTime

revision = "20261219_cpu_seconds"
down_revision = "20261218_totals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts",
        sa.Column("cpu_seconds", sa.Float(53), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("projects", sa.Column("cpu_seconds_per_30_days", sa.BigInteger(), nullable=True))
    op.create_table(
        "cpu_usage",
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("day", UtcDateTime(), nullable=False),
        sa.Column("cpu_seconds", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("fk_cpu_usage_project_projects")
        ),
        sa.PrimaryKeyConstraint("project", "day", name=op.f("pk_cpu_usage")),
    )


def downgrade() -> None:
    op.drop_table("cpu_usage")
    op.drop_column("projects", "cpu_seconds_per_30_days")
    op.drop_column("attempts", "cpu_seconds")
