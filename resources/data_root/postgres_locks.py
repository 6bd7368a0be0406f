"""Locks as advisory locks of PostgreSQL, which frees them with their session.

Belongs here: sessions and keys. Needs a direct connection: a pooler that hands a
session to others between statements (PgBouncer in transaction mode) breaks such locks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2.extensions import connection

from ben_assets.bigearthnet.errors import InvalidInput, LockLost, ServiceUnavailable
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.locks import POSTGRES_MARK, Lock, Locks, Owner
from resources.postgres_dsn import parse_dsn, setting_error, without_password

_PATIENCE_SECONDS: Final = 60.0
"""How long a server may be away, as while it restarts."""
_RETRY_SECONDS: Final = 1.0
_SERVER_NOTICES: Final = (
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
"""A host that vanishes without a word loses its locks after a minute, not two hours."""
_HOLDER: Final = """
    select a.application_name, a.client_addr
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
      and (l.classid::bigint << 32 | l.objid::bigint) = %s
      and l.database = (select oid from pg_database where datname = current_database())
"""


class PostgresLocks(Locks):
    """Locks in one database; all data roots may share it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        """Connects when the first lock is taken.

        Args:
            dsn: a PostgreSQL URL; ``postgresql+psycopg2://`` is fine too.
            folder: lock folder of the data root; keeps the root's id for the keys.

        Raises:
            InvalidInput: the DSN is none.
        """
        self._dsn = dsn.replace("+psycopg2", "", 1)
        parse_dsn(self._dsn, "BEN_LOCK_DSN")
        self._folder = folder

    def lock(self, name: str) -> PostgresLock:
        """A lock by name, not yet held."""
        return PostgresLock(name, self._key(name), self._dsn)

    def _key(self, name: str) -> int:
        """64 bits for the name in this data root, whatever path a host has for it."""
        digest = hashlib.sha256(f"{self._root_id()}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    def _root_id(self) -> str:
        mark = self._folder / POSTGRES_MARK
        if not os.path.lexists(mark):
            self._folder.mkdir(parents=True, exist_ok=True)
            own = self._folder / f".{uuid.uuid4().hex}.part"
            own.write_text(json.dumps({"id": uuid.uuid4().hex}))
            with contextlib.suppress(FileExistsError):
                os.link(own, mark)  # the first one wins
            own.unlink()
        try:
            found = json.loads(read_plain(mark))
            if isinstance(found, dict) and isinstance(found.get("id"), str):
                return str(found["id"])
            problem = 'expected {"id": "..."}'
        except (ValueError, OSError, RecursionError) as error:
            problem = str(error)
        raise InvalidInput(
            f"{mark}, which names this data root among others, is damaged ({problem}); "
            "delete it when nothing runs here"
        )


class PostgresLock(Lock):
    """A lock that is held by a session of its own."""

    def __init__(self, name: str, key: int, dsn: str) -> None:
        """The lock ``key``."""
        super().__init__(name)
        self._key = key
        self._dsn = dsn
        self._session: connection | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            ServiceUnavailable: the server does not answer.
            InvalidInput: the DSN is none.
        """
        try:
            return bool(self._ask("select pg_try_advisory_lock(%s)", self._key))
        except psycopg2.Error:  # the session broke: this one is new
            self.release()
            return bool(self._ask("select pg_try_advisory_lock(%s)", self._key))

    def holder(self) -> str:
        """Who has it, for people; empty if nobody has."""
        return str(self._ask(_HOLDER, self._key) or "")

    def require(self) -> None:
        """Return if the lock is held, or could be taken again after a lost session.

        Another may have held it in between; the caller must see that by other means.

        Raises:
            LockLost: another has it now.
            ServiceUnavailable: the server does not answer.
        """
        try:
            self._ask("select 1")
        except psycopg2.Error:
            self.release()
            if not self.acquire():
                raise LockLost(
                    f"the lock on {self.name} was lost with the connection to "
                    f"PostgreSQL, and {self.holder() or 'another process'} has it "
                    "now. Nothing was published; materialize it again"
                ) from None

    def release(self) -> None:
        """Give it back at once, and end the session, which takes the server a while."""
        if self._session is not None:
            with contextlib.suppress(psycopg2.Error):
                self._ask("select pg_advisory_unlock(%s)", self._key)
            self._session.close()
            self._session = None

    def _ask(self, question: str, *values: object) -> object:
        """The first value of the first row, or None."""
        if self._session is None:
            self._session = self._connect()
        with self._session.cursor() as cursor:
            cursor.execute(question, values)
            row = cursor.fetchone()
        return row[0] if row else None

    def _connect(self) -> connection:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                session = psycopg2.connect(
                    self._dsn,
                    application_name=str(Owner.here()),
                    connect_timeout=10,
                    options=_SERVER_NOTICES,
                )
            except psycopg2.OperationalError as error:
                wrong = setting_error(error, self._dsn, "BEN_LOCK_DSN")
                if wrong is not None:
                    raise wrong from None
                if time.monotonic() > give_up:
                    raise ServiceUnavailable(
                        f"PostgreSQL for locks (BEN_LOCK_DSN) does not let us in: "
                        f"{without_password(str(error), self._dsn)}"
                    ) from None
                time.sleep(_RETRY_SECONDS)
            except psycopg2.ProgrammingError:
                raise InvalidInput(
                    "BEN_LOCK_DSN is no PostgreSQL URL; expected "
                    "postgresql://user:password@host:port/database"
                ) from None
            else:
                session.autocommit = True
                return session
