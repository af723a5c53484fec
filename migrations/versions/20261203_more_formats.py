"""Datasets may be spreadsheets or lines of JSON.

Revision ID: 20261203_more_formats
Revises: 20261202_table_warnings
"""

from __future__ import annotations

from alembic import op

revision = "20261203_more_formats"
down_revision = "20261202_table_warnings"
branch_labels = None
depends_on = None

NAME = "ck_datasets_format_known"
OLD = "'csv', 'parquet', 'arrow', 'npz'"
NEW = "'xlsx', 'ods', 'jsonl'"


def upgrade() -> None:
    _allow(f"{OLD}, {NEW}")


def downgrade() -> None:
    op.execute(
        f"UPDATE jobs SET dataset_id = NULL WHERE dataset_id IN (SELECT id FROM datasets WHERE format IN ({NEW}))"
    )
    op.execute(f"DELETE FROM datasets WHERE format IN ({NEW})")
    _allow(OLD)


def _allow(formats: str) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("datasets") as batch:
        # SQLite's table is written anew without its checks: they are not reflected.
        if not is_sqlite:
            batch.drop_constraint(op.f(NAME), type_="check")
        batch.create_check_constraint(op.f(NAME), f"format IN ({formats})")
