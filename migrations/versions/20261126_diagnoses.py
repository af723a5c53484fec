"""Jobs are searches or diagnoses.

Revision ID: 20261126_diagnoses
Revises: 20261126_checkpoints
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_diagnoses"
down_revision = "20261126_checkpoints"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Column("kind", sa.String(), nullable=False, server_default="search")
    check = "kind IN ('search', 'diagnosis')"
    name = op.f("ck_jobs_kind_known")
    if op.get_bind().dialect.name == "sqlite":
        # In place: a table that is rebuilt loses its checks, which are not reflected.
        op.execute(
            "ALTER TABLE jobs ADD COLUMN kind VARCHAR DEFAULT 'search' NOT NULL "
            f"CONSTRAINT {name} CHECK ({check})"
        )
        return
    op.add_column("jobs", kind)
    op.create_check_constraint(name, "jobs", check)


def downgrade() -> None:
    # SQLite's foreign keys, which would delete these rows too, may be off.
    for table in ("events", "attempts", "artifacts"):
        op.execute(
            f"DELETE FROM {table} WHERE job_id IN (SELECT id FROM jobs WHERE kind = 'diagnosis')"
        )
    op.execute("DELETE FROM jobs WHERE kind = 'diagnosis'")
    if op.get_bind().dialect.name == "sqlite":
        # The check goes with its column.
        op.execute("ALTER TABLE jobs DROP COLUMN kind")
        return
    op.drop_constraint(op.f("ck_jobs_kind_known"), "jobs", type_="check")
    op.drop_column("jobs", "kind")
