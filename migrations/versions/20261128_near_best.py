"""An outcome's insights say `trials_to_near_best` instead of `near_best_after`.

Revision ID: 20261128_near_best
Revises: 20261126_diagnoses
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_near_best"
down_revision = "20261126_diagnoses"
branch_labels = None
depends_on = None

BEFORE, AFTER = "near_best_after", "trials_to_near_best"
jobs = sa.table("jobs", sa.column("id", sa.String), sa.column("outcome", sa.JSON))


def upgrade() -> None:
    _rename(BEFORE, AFTER)


def downgrade() -> None:
    _rename(AFTER, BEFORE)


def _rename(before: str, after: str) -> None:
    connection = op.get_bind()
    ids = connection.scalars(sa.select(jobs.c.id)).all()
    # One job at a time: an outcome may be large.
    for job_id in ids:
        is_job = jobs.c.id == job_id
        outcome = connection.scalar(sa.select(jobs.c.outcome).where(is_job))
        insights = (outcome or {}).get("insights") or {}
        if before in insights:
            insights[after] = insights.pop(before)
            connection.execute(sa.update(jobs).where(is_job).values(outcome=outcome))
