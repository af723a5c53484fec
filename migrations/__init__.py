"""Database migrations: Alembic, one dated file per change."""
