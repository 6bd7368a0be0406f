"""The locks of a data root, wherever they are kept."""

from __future__ import annotations

from resources.data_root.file_locks import FileLocks
from resources.data_root.locks import Locks
from resources.settings import Settings


def locks_of(settings: Settings) -> Locks:
    """The locks of the data root, in PostgreSQL where ``BEN_LOCK_DSN`` is set."""
    folder = settings.data_dir / ".locks"
    dsn = settings.text("BEN_LOCK_DSN")
    if dsn is None:
        return FileLocks(folder)
    # here: a run whose locks are files shall not wait for the database driver
    from resources.data_root.postgres_locks import PostgresLocks

    return PostgresLocks(dsn, folder)
