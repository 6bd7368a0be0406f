"""A private server for the session, and a database of its own for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ben_assets.testing import postgis_server
from ben_assets_tests.postgis.house import Database
from ben_assets_tests.support.pipeline import Pipeline

_number = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[postgis_server.Server]:
    if postgis_server.find_bin_dir() is None:
        reason = f"needs PostgreSQL with PostGIS ({postgis_server.PACKAGES})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # not below pytest's folder: the user postgres may not enter that
    folder = Path(tempfile.mkdtemp(prefix="ben-postgis-"))
    folder.chmod(0o755)
    server = postgis_server.create(folder / "server", None, "fsync = off")
    try:
        server.start()
        yield server
    finally:
        postgis_server.remove(folder / "server")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _template(server: postgis_server.Server) -> str:
    """A database with our schema, to make others from."""
    empty = Database(server, "prepared")
    empty.create()
    empty.postgis().migrate()
    empty.disconnect()
    return empty.name


@pytest.fixture
def new_database(server: postgis_server.Server) -> Iterator[Callable[[], Database]]:
    """Makes databases without a schema; they are gone after the test."""
    made: list[Database] = []

    def make(template: str = "template1") -> Database:
        database = Database(server, f"test_{os.getpid()}_{next(_number)}")
        database.create(template)
        made.append(database)
        return database

    yield make
    for database in made:
        database.drop()


@pytest.fixture
def blank(new_database: Callable[[], Database]) -> Database:
    """A database without a schema."""
    return new_database()


@pytest.fixture
def database(new_database: Callable[[str], Database], _template: str) -> Database:
    """A database with our schema, still empty."""
    return new_database(_template)


@pytest.fixture
def pipeline(finished: Pipeline, database: Database) -> Pipeline:
    """A finished release on disk, and a database to publish it to."""
    finished.settings["BEN_POSTGIS_DSN"] = database.dsn
    return finished


@pytest.fixture
def query(database: Database) -> Callable[..., list[tuple]]:
    return database.query
