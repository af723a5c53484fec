"""Jobs of a state are listed by an index: the list took longer with each job that had ended.

Revision ID: 20261209_jobs_by_state
Revises: 20261208_worker_died
"""

from __future__ import annotations

from alembic import op

revision = "20261209_jobs_by_state"
down_revision = "20261208_worker_died"
branch_labels = None
depends_on = None

NAME = "ix_jobs_state_created_at_id"


def upgrade() -> None:
    op.create_index(op.f(NAME), "jobs", ["state", "created_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f(NAME), table_name="jobs")
