"""PostGIS: one pool for each DSN, one transaction for each task, and the schema.

The migrations lie in ``resources/postgis/migrations``. They run in one transaction
under an advisory lock: a schema is at one revision or another, never between.
"""

from __future__ import annotations

import contextlib
import functools
import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import alembic.command
import alembic.config
import alembic.script
import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg2
import psycopg2.extensions
import shapely
import sqlalchemy

from ben_assets.bigearthnet.errors import InvalidInput
from resources.postgis.refusals import refusals
from resources.postgres_dsn import parse_dsn, shown_dsn
from resources.settings import Settings

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


Cursor: TypeAlias = psycopg2.extensions.cursor

SETTING: Final = "BEN_POSTGIS_DSN"

# A peer that vanished without a word is noticed after about a minute.
_CONNECTION: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "ben",
}

_SEARCH_PATH: Final = """
SELECT set_config('search_path', 'bigearthnet, ' || coalesce((
    SELECT quote_ident(n.nspname) FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'postgis'
), 'public'), false), set_config('timezone', 'UTC', false)
"""


class Postgis:
    """A PostgreSQL database with PostGIS, and in it our schema ``bigearthnet``."""

    def __init__(self, dsn: str) -> None:
        """Use a connection string of libpq; nothing is connected yet.

        Raises:
            InvalidInput: it is none; it is not repeated, since it may hold a password.
        """
        text = dsn.replace("postgresql+psycopg2://", "postgresql://", 1)
        parts = parse_dsn(text, SETTING)
        self._dsn = text
        self.name = shown_dsn(parts)
        self._engine = _engine(text)
        self._has_schema = False

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The database of ``BEN_POSTGIS_DSN``.

        Raises:
            InvalidInput: the setting is absent or no connection string.
        """
        dsn = settings.text(SETTING)
        if dsn is None:
            raise InvalidInput(
                f"{SETTING} is not set; expected the connection string of a "
                "PostgreSQL with PostGIS (for one of your own: make postgis)"
            )
        return cls(dsn)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor in one transaction: committed at the end, or rolled back whole.

        On first use the schema is brought to the state that this code needs.

        Raises:
            BenError: as ``refusals`` says.
            InvalidInput: the schema is newer than this code.
        """
        with refusals(self.name, self._dsn):
            if not self._has_schema:
                require_schema(self._engine, self.name)
                self._has_schema = True
            connection: Any = self._engine.raw_connection()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(_SEARCH_PATH)
                    yield cursor
                connection.commit()
            except BaseException:
                with contextlib.suppress(psycopg2.Error):
                    connection.rollback()
                raise
            finally:
                connection.close()  # back into the pool

    def migrate(self) -> tuple[str | None, str]:
        """Bring the schema to the newest state; its revision before and after."""
        with refusals(self.name, self._dsn):
            return migrate(self._engine, self.name)


@functools.lru_cache
def _engine(dsn: str) -> sqlalchemy.Engine:
    """The pool of a process; each connection is tried before it is handed out."""

    def connect() -> psycopg2.extensions.connection:
        return psycopg2.connect(dsn, **_defaults(dsn))

    return sqlalchemy.create_engine(
        "postgresql+psycopg2://",
        creator=connect,
        pool_size=2,
        max_overflow=4,
        pool_pre_ping=True,
    )


def _defaults(dsn: str) -> dict[str, Any]:
    given = psycopg2.extensions.parse_dsn(dsn)
    return {key: value for key, value in _CONNECTION.items() if key not in given}


_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"


def copy_frame(cursor: Cursor, table: str, frame: pd.DataFrame) -> int:
    """Append the rows of a frame; its columns are named as the table's.

    Returns:
        The number of rows.
    """
    text = frame.to_csv(header=False, index=False)
    return _copy(cursor, table, frame.columns, "csv", text.encode())


def copy_binary(
    cursor: Cursor,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[bytes | None]],
) -> int:
    """Append rows of values in PostgreSQL's binary form; None is null.

    A third of the processor time of text, for geometries on both sides.

    Returns:
        The number of rows.
    """
    count = struct.pack("!h", len(columns))
    fields = (count + b"".join(map(_field, row)) for row in rows)
    content = b"".join((_SIGNATURE, *fields, _TRAILER))
    return _copy(cursor, table, columns, "binary", content)


def _field(value: bytes | None) -> bytes:
    return _NULL if value is None else struct.pack("!i", len(value)) + value


def _copy(
    cursor: Cursor, table: str, columns: Iterable[str], form: str, rows: bytes
) -> int:
    command = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT {form})"
    cursor.copy_expert(command, io.BytesIO(rows))
    return int(cursor.rowcount)


def ewkb(
    geometries: npt.NDArray[np.object_], epsg: int
) -> npt.NDArray[np.str_] | npt.NDArray[np.object_]:
    """The geometries as hex EWKB: every coordinate to the last bit, with its SRID."""
    with_srid = shapely.set_srid(geometries, epsg)
    code: npt.NDArray[np.object_] = shapely.to_wkb(
        with_srid, hex=True, include_srid=True
    )
    return code
