"""Database migrations by Alembic, with one dated file per change."""
