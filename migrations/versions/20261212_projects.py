"""Jobs, datasets and idempotency keys are of a project; those that are there, of the default one.

Revision ID: 20261212_projects
Revises: 20261211_tokens
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.store.database import UtcDateTime

revision = "20261212_projects"
down_revision = "20261211_tokens"
branch_labels = None
depends_on = None

COLUMN = (
    "ALTER TABLE {table} ADD COLUMN project VARCHAR(63) DEFAULT 'default' NOT NULL "
    "CONSTRAINT fk_{table}_project_projects REFERENCES projects (name)"
)
LISTS = {
    "jobs": (("created_at", "id"), ("state", "created_at", "id"), ("name", "id")),
    "datasets": (("created_at", "id"),),
}
"""The orders in which each table is listed: those of a project, from now on."""


def upgrade() -> None:
    for table, orders in LISTS.items():
        # Written out, SQLite adds the column with its foreign key, and need not rebuild the table.
        op.execute(COLUMN.format(table=table))
        for order in orders:
            op.drop_index(_index(table, order), table_name=table)
            op.create_index(_index(table, ("project", *order)), table, ["project", *order])
    _rebuild_keys(is_of_project=True)


def downgrade() -> None:
    _rebuild_keys(is_of_project=False)
    for table, orders in LISTS.items():
        for order in orders:
            op.drop_index(_index(table, ("project", *order)), table_name=table)
            op.create_index(_index(table, order), table, list(order))
        op.drop_column(table, "project")


def _index(table: str, columns: tuple[str, ...]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")


def _rebuild_keys(*, is_of_project: bool) -> None:
    """Make the table of idempotency keys anew, with the project in its key or without."""
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    project = sa.Column("project", sa.String(63), server_default="default", nullable=False)
    foreign_key = sa.ForeignKeyConstraint(
        ["project"], ["projects.name"], name=op.f("fk_idempotency_keys_project_projects")
    )
    op.execute("CREATE TABLE old_keys AS SELECT * FROM idempotency_keys")
    op.drop_table("idempotency_keys")
    op.create_table(
        "idempotency_keys",
        *([project] if is_of_project else []),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("answer", json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        *([foreign_key] if is_of_project else []),
        sa.PrimaryKeyConstraint(
            *(["project"] if is_of_project else []), "key", name=op.f("pk_idempotency_keys")
        ),
    )
    names = "key, request_sha256, answer, created_at"
    # Two projects may have used one key: those of the default project stay.
    only = "" if is_of_project else " WHERE project = 'default'"
    op.execute(f"INSERT INTO idempotency_keys ({names}) SELECT {names} FROM old_keys{only}")
    op.execute("DROP TABLE old_keys")
