"""Checkpoints of unfinished trials.

Revision ID: 20261126_checkpoints
Revises: 20261125_arrow
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_checkpoints"
down_revision = "20261125_arrow"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("fold", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id", "trial"],
            ["trials.job_id", "trials.number"],
            name=op.f("fk_checkpoints_job_id_trial_trials"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256"], ["blobs.sha256"], name=op.f("fk_checkpoints_sha256_blobs")
        ),
        sa.PrimaryKeyConstraint("job_id", "trial", "fold", name=op.f("pk_checkpoints")),
    )
    op.create_index(op.f("ix_checkpoints_sha256"), "checkpoints", ["sha256"])


def downgrade() -> None:
    op.drop_index(op.f("ix_checkpoints_sha256"), table_name="checkpoints")
    op.drop_table("checkpoints")
