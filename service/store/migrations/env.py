"""Alembic's way in: the revisions run on the connection, and inside the transaction, that `schema.upgrade` has open."""

from alembic import context

from service.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
