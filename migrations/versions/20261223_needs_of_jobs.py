"""Jobs say what they need of a worker, and workers where they train.

Revision ID: 20261223_needs_of_jobs
Revises: 20261222_waiting_workers
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261223_needs_of_jobs"
down_revision = "20261222_waiting_workers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind in {"needs_cores": sa.Integer(), "needs_memory_bytes": sa.BigInteger()}.items():
        op.add_column("jobs", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("needs_executor", sa.String(), nullable=True))
    op.add_column(
        "workers", sa.Column("executor", sa.String(), nullable=False, server_default="local")
    )


def downgrade() -> None:
    op.drop_column("workers", "executor")
    for name in ("needs_executor", "needs_memory_bytes", "needs_cores"):
        op.drop_column("jobs", name)
