"""The schema ``bigearthnet`` and its migrations.

The migrations lie in ``resources/postgis/migrations``. They run in one transaction
under an advisory lock: a schema is at one revision or another, never between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import alembic.command
import alembic.config
import alembic.script
import sqlalchemy

from ben_assets.bigearthnet.errors import InvalidInput

SCHEMA: Final = "bigearthnet"
SCRIPTS: Final = Path(__file__).parent / "migrations"

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('bigearthnet schema', 0))"
_GRANTS: Final = (SCRIPTS / "reader.sql").read_text()


def require_schema(engine: sqlalchemy.Engine, database: str) -> None:
    """Migrate the schema unless it already is as this code needs it.

    Raises:
        InvalidInput: the schema is newer than this code.
    """
    with engine.connect() as connection:
        current = _current(connection)
    if current != _scripts().get_current_head():
        migrate(engine, database)


def migrate(
    engine: sqlalchemy.Engine, database: str, target: str = "head"
) -> tuple[str | None, str]:
    """Run the migrations that are missing; the revision before and after.

    A second process waits and then finds nothing left to do.

    Raises:
        InvalidInput: the schema is newer than this code.
    """
    config = _config()
    with engine.begin() as connection:
        connection.exec_driver_sql(_LOCK)
        before = _current(connection)
        _require_known(before, database)
        if before is None:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, target)
        connection.exec_driver_sql(_GRANTS)
        after = _current(connection)
    return before, str(after)


def _current(connection: sqlalchemy.Connection) -> str | None:
    """The revision of the database, or None where there is no schema yet."""
    table = f"{SCHEMA}.alembic_version"
    there = connection.exec_driver_sql(f"SELECT to_regclass('{table}')").scalar()
    if there is None:
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalar()
    return None if found is None else str(found)


def _require_known(revision: str | None, database: str) -> None:
    known = [script.revision for script in _scripts().walk_revisions()]
    if revision is not None and revision not in known:
        raise InvalidInput(
            f"PostGIS at {database}: the schema {SCHEMA} is at revision {revision}; "
            f"expected one of {', '.join(sorted(known))}: it was made by newer code; "
            "update this installation, or use another database"
        )


def _scripts() -> alembic.script.ScriptDirectory:
    return alembic.script.ScriptDirectory.from_config(_config())


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
