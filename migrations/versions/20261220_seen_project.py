"""The project whose pages an admin sees in a browser's session.

Revision ID: 20261220_seen_project
Revises: 20261219_cpu_seconds
"""

from __future__ import annotations

from alembic import op

revision = "20261220_seen_project"
down_revision = "20261219_cpu_seconds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Written out, SQLite adds the column with its foreign key, and need not rebuild the table.
    op.execute(
        "ALTER TABLE browser_sessions ADD COLUMN seen_project VARCHAR(63) "
        "CONSTRAINT fk_browser_sessions_seen_project_projects REFERENCES projects (name)"
    )


def downgrade() -> None:
    op.drop_column("browser_sessions", "seen_project")
