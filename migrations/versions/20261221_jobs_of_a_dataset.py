"""Lists of a dataset's jobs come out of an index in their order.

Revision ID: 20261221_jobs_of_a_dataset
Revises: 20261220_seen_project
"""

from __future__ import annotations

from alembic import op

revision = "20261221_jobs_of_a_dataset"
down_revision = "20261220_seen_project"
branch_labels = None
depends_on = None

COLUMNS = ["dataset_id", "created_at", "id"]


def upgrade() -> None:
    op.create_index("ix_jobs_dataset_id_created_at_id", "jobs", COLUMNS)
    op.drop_index("ix_jobs_dataset_id", "jobs")


def downgrade() -> None:
    op.create_index("ix_jobs_dataset_id", "jobs", ["dataset_id"])
    op.drop_index("ix_jobs_dataset_id_created_at_id", "jobs")
