"""Blobs may be in an object store.

Revision ID: 20261225_objects_of_blobs
Revises: 20261224_lost_clusters
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.database import UtcDateTime

revision = "20261225_objects_of_blobs"
down_revision = "20261224_lost_clusters"
branch_labels = None
depends_on = None

COUNT_OBJECTS = (
    "SELECT (SELECT count(*) FROM blobs WHERE objects_url IS NOT NULL) "
    "+ (SELECT count(*) FROM dead_objects)"
)


def upgrade() -> None:
    op.add_column("blobs", sa.Column("objects_url", sa.String(), nullable=True))
    op.add_column(
        "blobs", sa.Column("stored_parts", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_table(
        "dead_objects",
        sa.Column("objects_url", sa.String(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("tried_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("objects_url", name=op.f("pk_dead_objects")),
    )


def downgrade() -> None:
    if count := op.get_bind().scalar(sa.text(COUNT_OBJECTS)):
        # An older version would take them for half-written ones, and forget where they are.
        raise RuntimeError(
            f"{count} blobs are in an object store, which older versions do not read"
        )
    op.drop_table("dead_objects")
    with op.batch_alter_table("blobs") as batch:
        batch.drop_column("stored_parts")
        batch.drop_column("objects_url")
