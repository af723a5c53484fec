"""Datasets may be Arrow files.

Revision ID: 20261125_arrow
Revises: 20261124_program
"""

from __future__ import annotations

from alembic import op

revision = "20261125_arrow"
down_revision = "20261124_program"
branch_labels = None
depends_on = None

NAME = "ck_datasets_format_known"


def upgrade() -> None:
    _allow("'csv', 'parquet', 'arrow', 'npz'")


def downgrade() -> None:
    op.execute(
        "UPDATE jobs SET dataset_id = NULL WHERE dataset_id IN (SELECT id FROM datasets WHERE format = 'arrow')"
    )
    op.execute("DELETE FROM datasets WHERE format = 'arrow'")
    _allow("'csv', 'parquet', 'npz'")


def _allow(formats: str) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("datasets") as batch:
        # SQLite's table is written anew without its checks: they are not reflected.
        if not is_sqlite:
            batch.drop_constraint(op.f(NAME), type_="check")
        batch.create_check_constraint(op.f(NAME), f"format IN ({formats})")
