"""Jobs are listed by name.

Revision ID: 20261210_jobs_by_name
Revises: 20261209_jobs_by_state
"""

from __future__ import annotations

from alembic import op

revision = "20261210_jobs_by_name"
down_revision = "20261209_jobs_by_state"
branch_labels = None
depends_on = None

NAME = "ix_jobs_name_id"


def upgrade() -> None:
    op.create_index(op.f(NAME), "jobs", ["name", "id"])


def downgrade() -> None:
    op.drop_index(op.f(NAME), table_name="jobs")
