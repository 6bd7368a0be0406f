"""Runs migrations on the connection, and in the transaction, of the caller."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="bigearthnet",
)
with context.begin_transaction():
    context.run_migrations()
