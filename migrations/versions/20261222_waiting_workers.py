"""Workers say what they wait for, and attempts may end for want of room on a cluster.

Revision ID: 20261222_waiting_workers
Revises: 20261221_jobs_of_a_dataset
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261222_waiting_workers"
down_revision = "20261221_jobs_of_a_dataset"
branch_labels = None
depends_on = None

NAME = "ck_attempts_outcome_known"
OLD = (
    "'succeeded', 'failed', 'cancelled', 'paused', 'stopped', 'crashed', 'lease_expired', "
    "'worker_died', 'out_of_time', 'disk_full'"
)


def upgrade() -> None:
    op.add_column("workers", sa.Column("waits_for", sa.String(), nullable=True))
    _allow(f"{OLD}, 'cluster_full'")


def downgrade() -> None:
    op.execute("UPDATE attempts SET outcome = 'stopped' WHERE outcome = 'cluster_full'")
    _allow(OLD)
    op.drop_column("workers", "waits_for")


def _allow(outcomes: str) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("attempts") as batch:
        # SQLite's table is written anew without its checks: they are not reflected.
        if not is_sqlite:
            batch.drop_constraint(op.f(NAME), type_="check")
        batch.create_check_constraint(op.f(NAME), f"outcome IN ({outcomes})")
        if is_sqlite:
            batch.create_check_constraint(
                op.f("ck_attempts_ended_has_an_outcome"),
                "(outcome IS NULL) = (ended_at IS NULL)",
            )
