"""Attempts may end because their cluster was lost.

Revision ID: 20261224_lost_clusters
Revises: 20261223_needs_of_jobs
"""

from __future__ import annotations

from alembic import op

revision = "20261224_lost_clusters"
down_revision = "20261223_needs_of_jobs"
branch_labels = None
depends_on = None

NAME = "ck_attempts_outcome_known"
OLD = (
    "'succeeded', 'failed', 'cancelled', 'paused', 'stopped', 'crashed', 'lease_expired', "
    "'worker_died', 'out_of_time', 'disk_full', 'cluster_full'"
)


def upgrade() -> None:
    _allow(f"{OLD}, 'cluster_lost'")


def downgrade() -> None:
    op.execute("UPDATE attempts SET outcome = 'stopped' WHERE outcome = 'cluster_lost'")
    _allow(OLD)


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
