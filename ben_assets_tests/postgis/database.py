"""Databases on the private server, and a gate that stops a publication half-way."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2

from ben_assets.testing import postgis_server
from resources.postgis.database import Postgis

_GATE = 4711
_INSTALL_GATE = f"""
CREATE FUNCTION bigearthnet.gate() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_advisory_xact_lock_shared({_GATE}); RETURN NULL; END';
CREATE TRIGGER gate BEFORE INSERT ON bigearthnet.pixel_counts
FOR EACH STATEMENT EXECUTE FUNCTION bigearthnet.gate();
"""
_WAITING = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Database:
    """One database of the private server."""

    def __init__(self, server: postgis_server.Server, name: str) -> None:
        self.server = server
        self.name = name
        self.dsn = server.dsn(name)

    def create(self, template: str = "template1") -> None:
        self._maintain(f"CREATE DATABASE {self.name} TEMPLATE {template}")

    def drop(self) -> None:
        self._maintain(f"DROP DATABASE {self.name} WITH (FORCE)")

    def disconnect(self) -> None:
        """End all connections, as a template must have none."""
        self._maintain(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{self.name}'"
        )

    def _maintain(self, sql: str) -> None:
        with contextlib.closing(psycopg2.connect(self.server.dsn("postgres"))) as link:
            link.autocommit = True
            link.cursor().execute(sql)

    def postgis(self) -> Postgis:
        return Postgis(self.dsn)

    def query(self, sql: str, *values: object) -> list[tuple]:
        """Rows of a statement, run and committed on a connection of its own."""
        with contextlib.closing(psycopg2.connect(self.dsn)) as link, link:
            cursor = link.cursor()
            cursor.execute("SET search_path = bigearthnet, public")
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description is not None else []

    def count(self, table: str) -> int:
        return self.query(f"SELECT count(*) FROM {table}")[0][0]

    def as_role(self, role: str, grants: str = "") -> str:
        """DSN of a new login role of this name."""
        name = f"{role}_{self.name}"
        self.query(f"CREATE ROLE {name} LOGIN PASSWORD 'secret-word'")
        if grants:
            self.query(f"GRANT {grants} TO {name}")
        port = self.server.port
        return f"postgresql://{name}:secret-word@127.0.0.1:{port}/{self.name}"

    def everything(self) -> dict[str, list[tuple]]:
        """All published rows, in order; times of publication left out."""
        return {
            table: self.query(f"SELECT {columns} FROM {table} ORDER BY 1, 2")
            for table, columns in {
                "tiles": "tile, made_from::text, geom",
                "patches": "*",
                "labels": "*",
                "pixel_counts": "*",
            }.items()
        }

    @contextlib.contextmanager
    def closed_gate(self) -> Iterator[Gate]:
        """Publications stop before their last table, until the gate is opened."""
        self.query(_INSTALL_GATE)
        gate = Gate(self)
        gate.close()
        try:
            yield gate
        finally:
            gate.open()


class Gate:
    """Stops transactions that are about to insert pixel counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = None

    def close(self) -> None:
        self._holder = psycopg2.connect(self._database.dsn)
        self._holder.cursor().execute(f"SELECT pg_advisory_lock({_GATE})")

    def open(self) -> None:
        with contextlib.suppress(psycopg2.Error):
            self._holder.close()

    def wait_for(self, n_waiting: int) -> list[int]:
        """Process ids of the backends that wait for a lock, once there are so many."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            pids = [pid for (pid,) in self._database.query(_WAITING)]
            if len(pids) == n_waiting:
                return pids
            time.sleep(0.02)
        raise AssertionError(f"expected {n_waiting} waiting transactions")


class Attempt:
    """A call in a thread, with what it returned or raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[call])
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            self.result = call()
        except BaseException as error:
            self.error = error

    def join(self) -> Attempt:
        self._thread.join(60)
        assert not self._thread.is_alive(), "still running"
        return self

    def outcome(self) -> object:
        """What the call returned; what it raised is raised here."""
        self.join()
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def server_without_postgis() -> Iterator[postgis_server.Server]:
    """The same PostgreSQL with a folder of extensions that lacks PostGIS.

    Its programs find their files relative to themselves, so copies find copies.
    """
    bin_dir = postgis_server.find_bin_dir()
    version = bin_dir.parent.name
    root = Path(tempfile.mkdtemp(prefix="ben-plain-"))
    root.chmod(0o755)
    programs = root / bin_dir.relative_to("/")
    programs.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_ctl"):
        shutil.copy(bin_dir / name, programs)
    (programs.parent / "lib").symlink_to(bin_dir.parent / "lib")
    real = Path("/usr/share/postgresql", version)
    share = root / real.relative_to("/")
    (share / "extension").mkdir(parents=True)
    for path in [*real.iterdir(), *real.glob("extension/*")]:
        if path.name != "extension" and not path.name.startswith("postgis"):
            (share / path.relative_to(real)).symlink_to(path)
    server = postgis_server.create(root / "server", programs, "fsync = off")
    try:
        server.start()
        yield server
    finally:
        postgis_server.remove(root / "server")
        shutil.rmtree(root)
