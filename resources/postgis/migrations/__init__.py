"""Alembic migrations of the schema ``bigearthnet``; run by ``resources.postgis``."""
