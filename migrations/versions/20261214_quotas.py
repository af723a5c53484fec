"""Projects have quotas, and turns in the queue.

Revision ID: 20261214_quotas
Revises: 20261213_audit
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261214_quotas"
down_revision = "20261213_audit"
branch_labels = None
depends_on = None

QUOTAS = (
    *("max_waiting_jobs", "max_running_jobs", "max_stored_bytes"),
    *("uploads_per_minute", "submits_per_minute"),
)


def upgrade() -> None:
    op.add_column(
        "projects", sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    for quota in QUOTAS:
        op.add_column("projects", sa.Column(quota, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for quota in reversed(QUOTAS):
        op.drop_column("projects", quota)
    op.drop_column("projects", "turn")
